#pragma once

#include "margay/chart/drawing.h"

namespace margay::chart {

/// A colour by its lightness (0 black … 1 white) and its place between green and red and between blue and yellow. Equal
/// distances look equal: OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020).
struct Oklab {
  double lightness = 0;
  double green_red = 0;
  double blue_yellow = 0;
};

Oklab oklab_of(const Rgb& colour);
/// Colours that sRGB does not have are clipped to the nearest values of its channels.
Rgb rgb_of(const Oklab& colour);

/// A signed value, from -1 to 1, laid over a pixel: grey at 0, where only the pixel's lightness is seen; towards orange
/// for positive values and towards blue for negative ones, of the same lightness and strength. The way is straight in
/// OKLab, so over one grey equal differences of the value look equal, and orange and blue differ for people with any
/// colour vision. Beyond -1 … 1 as at the ends; not a number: as 0.
Rgb diverging_over(const Rgb& pixel, double value);

/// diverging_over a middle grey, for legends.
Rgb diverging_colour(double value);

}  // namespace margay::chart
