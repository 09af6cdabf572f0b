#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/image.h"
#include "margay/data/transform/frame_maps.h"
#include "margay/data/transform/warp.h"
#include "tests/data/transform_reference.h"

/// fastai's golden values in Margay's terms.
namespace margay::testing_support {

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
