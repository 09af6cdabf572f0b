#include "margay/data/transform/warp.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/data/transform/box_reduce.h"
#include "margay/data/transform/warp_kernel.h"

namespace margay::data {
namespace {

/// Bilinear looks at two pixels along an axis. Up to this shrink, which includes 460 -> 224, that skips
/// almost nothing; beyond it details would flicker.
constexpr double kMaxShrink = 2.2;

void check(const Image& image, const Matrix& matrix, int height, int width) {
  if (!matrix.is_affine()) throw std::invalid_argument("[warp] projective matrices are not supported");
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[warp] the picture has no pixels");
  if (image.pixels.size() > INT32_MAX) throw std::invalid_argument("[warp] the picture has more than 2^31 bytes");
  for (const auto& row : matrix.m) {
    for (const double each : row) {
      if (!std::isfinite(each)) throw std::invalid_argument("[warp] the matrix holds a number that is not finite");
    }
  }
  if (height > 0 && width > 0) return;
  throw std::invalid_argument(fmt::format("[warp] the output size must be positive, got {}x{}", width, height));
}

/// How many pixels to average along the source axis of this row of the matrix, so that 1 to kMaxShrink remain.
int reduction(const std::array<double, 3>& row) {
  const double shrink = std::hypot(row[0], row[1]);  // source pixels for one step across the output
  return static_cast<int>(std::min(shrink / kMaxShrink, 1e6)) + 1;
}

/// The part of the picture that the output's frame falls on, a pixel wider for the bilinear neighbours.
Region region_of(const Image& image, const Matrix& matrix, int height, int width) {
  const double w = width;
  const double h = height;
  const Point corners[] = {apply(matrix, {0, 0}), apply(matrix, {w, 0}), apply(matrix, {0, h}), apply(matrix, {w, h})};
  const auto [left, right] = std::minmax({corners[0].x, corners[1].x, corners[2].x, corners[3].x});
  const auto [top, bottom] = std::minmax({corners[0].y, corners[1].y, corners[2].y, corners[3].y});
  const auto low = [](double value, int size) {
    return static_cast<int>(std::clamp(std::floor(value) - 1, 0.0, size - 1.0));
  };
  const auto high = [](double value, int begin, int size) {
    return static_cast<int>(std::clamp(std::ceil(value) + 1, begin + 1.0, double(size)));
  };
  const int first_column = low(left, image.width);
  const int first_row = low(top, image.height);
  return {first_column, first_row, high(right, first_column, image.width), high(bottom, first_row, image.height)};
}

/// Samples each output row. image: at least 4 bytes; out: float [height,width,3].
void warp_rows(const Image& image, const Matrix& matrix, const WarpColours& colours, int height, int width,
               float* out) {
  const WarpSource source = {image.pixels.data(), image.height, image.width};
  for (int y = 0; y < height; ++y) {
    const Point start = apply(matrix, {0.5, y + 0.5});
    const WarpLine line = {start.x - 0.5, start.y - 0.5, matrix.m[0][0], matrix.m[1][0]};
    warp_row(source, line, colours, width, out + std::ptrdiff_t{3} * y * width);
  }
}

/// Shrinks first where needed, then samples.
void warp_floats(const Image& image, const Matrix& matrix, const WarpColours& colours, int height, int width,
                 float* out) {
  check(image, matrix, height, width);
  const int factor_x = reduction(matrix.m[0]);
  const int factor_y = reduction(matrix.m[1]);
  if (factor_x == 1 && factor_y == 1 && image.pixels.size() >= 4) {
    return warp_rows(image, matrix, colours, height, width, out);
  }
  const Region region = region_of(image, matrix, height, width);
  Image small = box_reduce(image, region, factor_y, factor_x);
  const Matrix to_small = scale(1.0 / factor_x, 1.0 / factor_y) * translate(-region.left, -region.top) * matrix;
  if (small.pixels.size() < 4) {  // a single pixel; the kernel reads four bytes at once, so give it a twin
    small.pixels.insert(small.pixels.end(), {small.pixels[0], small.pixels[1], small.pixels[2]});
    small.width = 2;
  }
  warp_rows(small, to_small, colours, height, width, out);
}

}  // namespace

void warp_normalised(const Image& image, const Matrix& matrix, const Normalization& normalization, int height,
                     int width, float* out) {
  WarpColours colours{};
  for (std::size_t c = 0; c < 3; ++c) {
    colours.scale[c] = static_cast<float>(1.0 / (255.0 * normalization.std[c]));
    colours.shift[c] = static_cast<float>(-normalization.mean[c] / normalization.std[c]);
  }
  warp_floats(image, matrix, colours, height, width, out);
}

Image warp(const Image& image, const Matrix& matrix, int height, int width) {
  constexpr WarpColours kUnchanged = {{1, 1, 1}, {0, 0, 0}};
  std::vector<float> values(3 * static_cast<std::size_t>(std::max(height, 0)) *
                            static_cast<std::size_t>(std::max(width, 0)));
  warp_floats(image, matrix, kUnchanged, height, width, values.data());
  Image out(height, width);
  std::transform(values.begin(), values.end(), out.pixels.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value + 0.5F); });
  return out;
}

}  // namespace margay::data
