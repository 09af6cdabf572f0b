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

/// The colours of one image and what each is for.
struct Palette {
  Colour ground;  ///< behind everything
  Colour main;    ///< most of the object
  Colour accent;  ///< its pattern and lesser parts
  Colour detail;  ///< thin lines, eyes, spots
};

/// Four colours that go together and stay apart in lightness. Which of them serves which purpose is
/// drawn by lot, so that no colour, and no brightness, tells anything about the object.
Palette draw_palette(core::Random& random);

/// Any one of the palette's colours, slightly changed.
Colour draw_relative(const Palette& palette, core::Random& random);

}  // namespace margay::data::sample
