#pragma once

#include <opencv2/core.hpp>

#include "margay/core/random.h"

namespace margay::data::sample {

/// sRGB, each channel 0-255.
using Colour = cv::Vec3f;

/// The colour of lightness 0-1, chroma 0-0.3 and hue in turns, clipped to what sRGB holds.
/// OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020) in polar form.
Colour oklch(double lightness, double chroma, double hue);

/// (1-t)·from + t·to.
inline Colour mix(const Colour& from, const Colour& to, double t) { return from + (to - from) * static_cast<float>(t); }

/// The colours of one image and their purposes.
struct Palette {
  Colour ground;  ///< behind everything
  Colour main;    ///< most of the object
  Colour accent;  ///< its pattern and lesser parts
  Colour detail;  ///< thin lines, eyes, spots
};

/// Draws four colours that go together and differ in lightness. Their purposes are random, so that neither colour nor
/// brightness tells anything about the object.
Palette draw_palette(core::Random& random);

/// A random colour of the palette, slightly changed.
Colour draw_relative(const Palette& palette, core::Random& random);

}  // namespace margay::data::sample
