#pragma once

#include "margay/core/image.h"

namespace margay::data {

/// A rectangle in source pixels; pixel i covers [i, i+1).
struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

/// The box of the image at another size, by Pillow's BILINEAR: a triangle filter that widens when
/// shrinking, so nothing aliases. Nothing outside the box is read: the result is that of cropping first
/// (fastai's way), where Pillow's own `box` argument would look over the edge. Numbers are within 1 of Pillow's.
/// Throws std::invalid_argument when the box is empty or leaves the image, or a side is not positive.
core::Image resample(const core::Image& image, const Box& box, int height, int width);

}  // namespace margay::data
