#include "margay/data/transform/shrink.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace margay::data {
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

}  // namespace margay::data
