#pragma once

#include "margay/data/sample/canvas.h"

namespace margay::data::sample {

/// What lies out of focus behind a scene, uint8 [H,W,3]: a slope of colour, soft blots and, in half of
/// the images, a faint weave.
cv::Mat draw_backdrop(cv::Size size, const Palette& palette, core::Random& random);

/// Strews `count` plain things (discs, bars, rings, …), some of them patterned, over the canvas; their
/// sizes are fractions of the image's shorter side. The canvas must be placed in pixels.
void scatter(Canvas& canvas, cv::Size size, int count, double max_size, const Palette& palette, core::Random& random);

}  // namespace margay::data::sample
