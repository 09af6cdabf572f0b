#pragma once

#include <cstdint>

namespace margay::data {

struct ReadOptions {
  /// The most pixels an image may claim, checked on the header before anything big is allocated.
  /// The default is the limit above which Pillow refuses.
  std::int64_t max_pixels = 178'956'970;
  /// 0: every pixel. Otherwise the image may come out at 1/2, 1/4 or 1/8 of its size, which is several times as fast,
  /// where its shorter side then still is at least 1.5 to 2 times this. Resampled to this many pixels it differs from
  /// the whole image by less than 2 of 255 on average over photos (numbers: jpeg_scale.cpp). Only JPEG can; images
  /// of other formats stay whole.
  int min_side = 0;
};

}  // namespace margay::data
