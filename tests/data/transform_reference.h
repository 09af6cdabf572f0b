#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "margay/core/image.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/pad_mode.h"

/// The definitions that the kernels are tested against, in double precision and without thought for speed.
namespace margay::testing_support {

/// Leaves 0 … 255.
inline data::Normalization raw_normalization() { return {{0, 0, 0}, {1.0 / 255, 1.0 / 255, 1.0 / 255}}; }

inline double mirrored(double edge_distance, double size) {
  const double rest = edge_distance - 2 * size * std::floor(edge_distance / (2 * size));
  return std::min(rest, 2 * size - rest);
}

/// Bilinear between pixel centres, 0 … 255, as torch's grid_sample with align_corners=False pads.
inline double sampled(const core::Image& image, const data::Matrix& matrix, int x, int y, int c,
                      data::PadMode pad_mode) {
  data::Point at = apply(matrix, {x + 0.5, y + 0.5});
  if (pad_mode == data::PadMode::kReflection) {
    at = {mirrored(at.x, image.width), mirrored(at.y, image.height)};
  }
  at = {at.x - 0.5, at.y - 0.5};
  if (pad_mode != data::PadMode::kZeros) {
    at = {std::clamp(at.x, 0.0, image.width - 1.0), std::clamp(at.y, 0.0, image.height - 1.0)};
  }
  const double left = std::floor(at.x);
  const double top = std::floor(at.y);
  const auto value = [&](double i, double j) {
    if (i < 0 || j < 0 || i >= image.width || j >= image.height) return 0.0;
    return double(image.row(static_cast<int>(j))[3 * static_cast<int>(i) + c]);
  };
  const double upper = std::lerp(value(left, top), value(left + 1, top), at.x - left);
  const double lower = std::lerp(value(left, top + 1), value(left + 1, top + 1), at.x - left);
  return std::lerp(upper, lower, at.y - top);
}

using Rgb = std::array<double, 3>;

/// fastai's rgb2hsv, a turn of the hue, and back.
inline Rgb hue_turned(const Rgb& rgb, double turns) {
  const double value = std::max({rgb[0], rgb[1], rgb[2]});
  const double chroma = value - std::min({rgb[0], rgb[1], rgb[2]});
  if (chroma == 0) return rgb;
  const auto below = [&](std::size_t c) { return (value - rgb[c]) / chroma; };
  double hue = 4 + below(1) - below(0);
  if (value == rgb[1]) hue = 2 + below(0) - below(2);
  if (value == rgb[0]) hue = below(2) - below(1);
  hue = hue / 6 + turns;
  hue = 6 * (hue - std::floor(hue));
  const double part = hue - std::floor(hue);
  const double p = value - chroma;
  const double q = value - chroma * part;
  const double t = value - chroma * (1 - part);
  const std::array<Rgb, 6> sectors = {Rgb{value, t, p}, {q, value, p}, {p, value, t},
                                      {p, q, value},    {t, p, value}, {value, p, q}};
  return sectors[static_cast<std::size_t>(hue) % 6];
}

/// data/transform/lighting.h for one pixel, 0 … 1.
inline Rgb lit(const Rgb& rgb, const data::Lighting& lighting) {
  Rgb logits{};
  double grey = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const double x = std::clamp(rgb[c], 1e-7, 1 - 0x1p-23);
    logits[c] = lighting.contrast * (std::log(x / (1 - x)) + std::log(lighting.brightness / (1 - lighting.brightness)));
    grey += data::kGreyWeights[c] * logits[c];
  }
  Rgb out{};
  for (std::size_t c = 0; c < 3; ++c) {
    out[c] = 1 / (1 + std::exp(-(lighting.saturation * logits[c] + (1 - lighting.saturation) * grey)));
  }
  return lighting.hue == 0 ? out : hue_turned(out, lighting.hue);
}

}  // namespace margay::testing_support
