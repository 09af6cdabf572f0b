#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "margay/data/image_list.h"

namespace margay::data {

/// How much of their 16 bits the images of a dataset use. Cameras, microscopes and scanners of 10, 12 or 14 bits often
/// write their numbers into files of 16 as they are, so that white is 4095 of 65535: nearly black.
struct DeepImages {
  std::size_t looked_at = 0;  ///< images whose header was read, spread evenly over all
  std::size_t deep = 0;       ///< those of them with 16 bits a sample
  int bits = 16;              ///< that hold all but a thousandth of the samples of the deep ones; 8 … 14, or 16

  bool are_most_deep() const { return 2 * deep > looked_at; }
};

/// Reads the headers of at most 32 images, and where most are deep the pixels of at most 8. Images that cannot be read
/// are passed over. max_pixels: larger ones too.
DeepImages look_for_deep_images(const ImageList& images, std::int64_t max_pixels);

/// What to say to a user whose images are read with `deep_bits` (ReadOptions): that most are deep and nearly black, or
/// that bits are cut off, with the number that is right; "" where there is nothing to say.
std::string deep_bits_warning(const DeepImages& images, int deep_bits);

}  // namespace margay::data
