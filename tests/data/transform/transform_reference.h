#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/image.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/resize.h"
#include "margay/data/transform/warp.h"

namespace margay::testing_support {

/// The definitions that the kernels are tested against, in double precision and without thought for speed.

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

/// fastai's golden values in Margay's terms.

/// fastai's frame has its corners at the centres of the corner pixels (align_corners=True), ours at the edges.
inline data::Matrix from_fastai_frame(int height, int width) {
  return data::frame_to_pixels(0.5, 0.5, width - 1, height - 1);
}
inline data::Matrix to_fastai_frame(int height, int width) {
  return data::pixels_to_frame(0.5, 0.5, width - 1, height - 1);
}

/// rows: [2][3]
inline data::Matrix matrix_of(const nlohmann::json& rows) {
  data::Matrix matrix;
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 3; ++j) matrix.m[i][j] = rows[i][j].get<double>();
  }
  return matrix;
}

/// An image finer than bytes: value · 255 = coarse + fine / 255. Interpolation is linear, so both parts are sampled
/// and added, and what is lost is 8e-6 of the range.
struct FineImage {
  core::Image coarse;
  core::Image fine;

  /// planes: [3][H][W], 0 … 1
  explicit FineImage(const nlohmann::json& planes)
      : coarse(static_cast<int>(planes[0].size()), static_cast<int>(planes[0][0].size())),
        fine(coarse.height, coarse.width) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (int y = 0; y < coarse.height; ++y) {
        for (int x = 0; x < coarse.width; ++x) {
          const double value = 255 * planes[c][std::size_t(y)][std::size_t(x)].get<double>();
          coarse.row(y)[3 * x + int(c)] = static_cast<std::uint8_t>(value);
          fine.row(y)[3 * x + int(c)] = static_cast<std::uint8_t>(std::lround(255 * (value - std::floor(value))));
        }
      }
    }
  }

  /// float [height,width,3], 0 … 1
  std::vector<double> warped(const data::Matrix& matrix, int height, int width, data::PadMode pad_mode) const {
    std::vector<float> high(3 * std::size_t(height) * std::size_t(width));
    std::vector<float> low(high.size());
    data::warp_normalised(coarse, matrix, raw_normalization(), height, width, high.data(), pad_mode);
    data::warp_normalised(fine, matrix, raw_normalization(), height, width, low.data(), pad_mode);
    std::vector<double> sum(high.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = (double(high[i]) + double(low[i]) / 255) / 255;
    return sum;
  }
};

/// How far the pixels furthest off are: out [H,W,3] against planes [3][H][W]. Pixels whose sample lies outside the
/// rectangle of the source's pixel centres are left out if `inside_only`: there mirrors differ.
inline double largest_difference(const std::vector<double>& out, const nlohmann::json& planes,
                                 const data::Matrix& matrix, const core::Image& source, bool inside_only) {
  const std::size_t height = planes[0].size();
  const std::size_t width = planes[0][0].size();
  double largest = 0;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const data::Point at = apply(matrix, {double(x) + 0.5, double(y) + 0.5});
      const bool is_inside = at.x >= 0.5 && at.y >= 0.5 && at.x <= source.width - 0.5 && at.y <= source.height - 0.5;
      if (inside_only && !is_inside) continue;
      for (std::size_t c = 0; c < 3; ++c) {
        largest = std::max(largest, std::abs(out[(y * width + x) * 3 + c] - planes[c][y][x].get<double>()));
      }
    }
  }
  return largest;
}

}  // namespace margay::testing_support
