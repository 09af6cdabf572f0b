#pragma once

#include "margay/data/image/image_format.h"

namespace margay::data {

/// By how much a JPEG may be scaled down while it is decoded: 1, 2, 4 or 8. min_side: as in ReadOptions.
int jpeg_denominator(ImageSize size, int min_side);

/// A side of the scaled image. libjpeg rounds up; to the nearest keeps the image from being stretched by more than
/// half a scaled pixel.
int jpeg_scaled_side(std::int64_t side, int denominator);

}  // namespace margay::data
