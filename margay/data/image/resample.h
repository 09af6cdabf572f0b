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

/// Resamples the box of the image to another size with Pillow's BILINEAR: a triangle filter that widens when shrinking,
/// so nothing aliases. Nothing outside the box is read, so the result is the same as cropping first (as fastai does);
/// Pillow's own `box` argument reads beyond the edge. Results are within 1 of Pillow's.
/// Throws std::invalid_argument if the box is empty or exceeds the image, or if a side is not positive.
core::Image resample(const core::Image& image, const Box& box, int height, int width);

}  // namespace margay::data
