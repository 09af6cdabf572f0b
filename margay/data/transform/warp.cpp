#include "margay/data/transform/warp.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "margay/data/transform/warp_kernel.h"

namespace margay::data {
namespace {

/// sums[i] is the sum over the rows [top, bottom) of byte i of the region's rows.
void add_box_rows(const core::Image& image, const Region& region, int top, int bottom,
                  std::vector<std::uint32_t>& sums) {
  std::fill(sums.begin(), sums.end(), 0U);
  for (int y = top; y < bottom; ++y) {
    const std::uint8_t* row = image.row(y) + std::ptrdiff_t{3} * region.left;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += row[i];
  }
}

/// Averages runs of `factor` pixels of the summed rows.
void average_columns(const std::vector<std::uint32_t>& sums, int factor, int rows, std::uint8_t* out) {
  const std::size_t step = 3 * static_cast<std::size_t>(factor);
  for (std::size_t begin = 0; begin < sums.size(); begin += step) {
    const std::size_t end = std::min(begin + step, sums.size());
    const std::uint64_t count = (end - begin) / 3 * static_cast<std::uint64_t>(rows);
    for (std::size_t c = 0; c < 3; ++c) {
      std::uint64_t sum = count / 2;
      for (std::size_t i = begin + c; i < end; i += 3) sum += sums[i];
      *out++ = static_cast<std::uint8_t>(sum / count);
    }
  }
}

}  // namespace

core::Image box_reduce(const core::Image& image, const Region& region, int factor_y, int factor_x) {
  const int rows = region.bottom - region.top;
  const int columns = region.right - region.left;
  core::Image out((rows + factor_y - 1) / factor_y, (columns + factor_x - 1) / factor_x);
  std::vector<std::uint32_t> sums(3 * static_cast<std::size_t>(columns));
  for (int y = 0; y < out.height; ++y) {
    const int top = region.top + y * factor_y;
    const int bottom = std::min(top + factor_y, region.bottom);
    add_box_rows(image, region, top, bottom, sums);
    average_columns(sums, factor_x, bottom - top, out.row(y));
  }
  return out;
}

namespace {

constexpr double kMaxShrink = 2.2;

double third(const Matrix& matrix, double x, double y) {
  return matrix.m[2][0] * x + matrix.m[2][1] * y + matrix.m[2][2];
}

/// Source pixels along the axis of this row of the matrix for one step across the output, at (x, y).
double slope(const Matrix& matrix, std::size_t row, double x, double y) {
  const double depth = third(matrix, x, y);
  const double at = (matrix.m[row][0] * x + matrix.m[row][1] * y + matrix.m[row][2]) / depth;
  return std::hypot(matrix.m[row][0] - at * matrix.m[2][0], matrix.m[row][1] - at * matrix.m[2][1]) / std::abs(depth);
}

int factor(double shrink) { return static_cast<int>(std::min(shrink / kMaxShrink, 1e6)) + 1; }

struct Span {
  double low;
  double high;
};

/// Whole pixels of an axis of `size` pixels around a span, on multiples of the factor.
std::array<int, 2> aligned(const Span& span, int factor, int size) {
  const double first = std::floor(std::clamp(span.low - factor, 0.0, size - 1.0) / factor) * factor;
  const double last = std::ceil(std::clamp(span.high + factor, first + 1, double(size)) / factor) * factor;
  return {static_cast<int>(first), static_cast<int>(std::min(last, double(size)))};
}

}  // namespace

Shrink shrink_of(const Matrix& matrix, int height, int width) {
  return {factor(slope(matrix, 0, width / 2.0, height / 2.0)), factor(slope(matrix, 1, width / 2.0, height / 2.0))};
}

double least_depth(const Matrix& matrix, int height, int width) {
  const double w = width;
  const double h = height;
  const double middle = third(matrix, w / 2, h / 2);
  return std::min({third(matrix, 0, 0) / middle, third(matrix, w, 0) / middle, third(matrix, 0, h) / middle,
                   third(matrix, w, h) / middle});
}

Region region_seen(const Matrix& matrix, int height, int width, int source_height, int source_width,
                   const Shrink& shrink, PadMode pad_mode) {
  const double w = width;
  const double h = height;
  const Point corners[] = {apply(matrix, {0, 0}), apply(matrix, {w, 0}), apply(matrix, {0, h}), apply(matrix, {w, h})};
  const auto [left, right] = std::minmax({corners[0].x, corners[1].x, corners[2].x, corners[3].x});
  const auto [top, bottom] = std::minmax({corners[0].y, corners[1].y, corners[2].y, corners[3].y});
  const bool is_inside = left >= 0 && top >= 0 && right <= source_width && bottom <= source_height;
  if (pad_mode == PadMode::kReflection && !is_inside) return {0, 0, source_width, source_height};
  const auto columns = aligned({left, right}, shrink.x, source_width);
  const auto rows = aligned({top, bottom}, shrink.y, source_height);
  return {columns[0], rows[0], columns[1], rows[1]};
}

namespace {

void check_warp(const core::Image& image, const Matrix& matrix, int height, int width) {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[warp] the image has no pixels");
  if (image.pixels.size() > INT32_MAX) throw std::invalid_argument("[warp] the image has more than 2^31 bytes");
  for (const auto& row : matrix.m) {
    for (const double each : row) {
      if (!std::isfinite(each)) throw std::invalid_argument("[warp] the matrix holds a number that is not finite");
    }
  }
  if (height <= 0 || width <= 0) {
    throw std::invalid_argument(fmt::format("[warp] the output size must be positive, got {}x{}", width, height));
  }
  if (!matrix.is_affine() && !(least_depth(matrix, height, width) > 1e-6)) {
    throw std::invalid_argument("[warp] the horizon of the projective matrix lies within the output");
  }
}

/// Samples each output row. image: at least 4 bytes; out: float [height,width,3].
void warp_rows(const core::Image& image, const Matrix& matrix, PadMode pad_mode, const WarpColours& colours, int height,
               int width, float* out) {
  const WarpSource source = {image.pixels.data(), image.height, image.width, pad_mode};
  const Matrix between_centres = translate(-0.5, -0.5) * matrix;
  const auto& m = between_centres.m;
  for (int y = 0; y < height; ++y) {
    const auto start = [&](std::size_t row) { return m[row][0] * 0.5 + m[row][1] * (y + 0.5) + m[row][2]; };
    const double depth = start(2);
    const WarpLine line = {start(0) / depth, start(1) / depth, m[0][0] / depth, m[1][0] / depth, m[2][0] / depth};
    warp_row(source, line, colours, width, out + std::ptrdiff_t{3} * y * width);
  }
}

/// Shrinks first where needed, then samples.
void warp_floats(const core::Image& image, const Matrix& matrix, PadMode pad_mode, const WarpColours& colours,
                 int height, int width, float* out) {
  check_warp(image, matrix, height, width);
  const Shrink shrink = shrink_of(matrix, height, width);
  if (shrink == Shrink{} && image.pixels.size() >= 4) {
    return warp_rows(image, matrix, pad_mode, colours, height, width, out);
  }
  const Region region = region_seen(matrix, height, width, image.height, image.width, shrink, pad_mode);
  core::Image small = box_reduce(image, region, shrink.y, shrink.x);
  const Matrix to_small = scale(1.0 / shrink.x, 1.0 / shrink.y) * translate(-region.left, -region.top) * matrix;
  if (small.pixels.size() < 4) small.pixels.push_back(0);  // the kernel reads four bytes at once, one pixel has three
  warp_rows(small, to_small, pad_mode, colours, height, width, out);
}

WarpLighting kernel_lighting(const Lighting& lighting) {
  if (lighting.is_neutral()) return {};
  return {false, static_cast<float>(std::log2(lighting.brightness / (1 - lighting.brightness))),
          static_cast<float>(lighting.contrast), static_cast<float>(lighting.saturation),
          static_cast<float>(6 * lighting.hue)};
}

}  // namespace

void warp_normalised(const core::Image& image, const Matrix& matrix, const Normalization& normalization, int height,
                     int width, float* out, PadMode pad_mode, const Lighting& lighting) {
  WarpColours colours{{}, {}, kernel_lighting(lighting)};
  for (std::size_t c = 0; c < 3; ++c) {
    colours.scale[c] = static_cast<float>(1.0 / (255.0 * normalization.std[c]));
    colours.shift[c] = static_cast<float>(-normalization.mean[c] / normalization.std[c]);
  }
  warp_floats(image, matrix, pad_mode, colours, height, width, out);
}

core::Image warp(const core::Image& image, const Matrix& matrix, int height, int width, PadMode pad_mode,
                 const Lighting& lighting) {
  const WarpColours colours = {{1, 1, 1}, {0, 0, 0}, kernel_lighting(lighting)};
  std::vector<float> values(3 * static_cast<std::size_t>(std::max(height, 0)) *
                            static_cast<std::size_t>(std::max(width, 0)));
  warp_floats(image, matrix, pad_mode, colours, height, width, values.data());
  core::Image out(height, width);
  std::transform(values.begin(), values.end(), out.pixels.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value + 0.5F); });
  return out;
}

}  // namespace margay::data
