#pragma once

#include "margay/core/image.h"

namespace margay::data {

/// A rectangle of whole pixels; right and bottom are exclusive.
struct Box {
  int left = 0;
  int top = 0;
  int right = 0;
  int bottom = 0;
};

/// Resamples the box of the image to another size with Pillow's BILINEAR: a triangle filter that widens when shrinking,
/// so nothing aliases. The bytes are those of Pillow's resize() of the cropped image, on every processor: weights are
/// whole numbers of 2^-22, and each of the two passes, the horizontal one first, rounds to bytes (src/libImaging/
/// Resample.c). Nothing outside the box is read, as fastai crops first; Pillow's own `box` argument reads beyond the
/// edge.
/// Throws std::invalid_argument if the box is empty or exceeds the image, or if a side is not positive.
core::Image resample(const core::Image& image, const Box& box, int height, int width);

/// The whole image.
core::Image resample(const core::Image& image, int height, int width);

}  // namespace margay::data
