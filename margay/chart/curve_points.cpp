#include "margay/chart/curve_points.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace margay::chart {
namespace {

/// The points of one column that are kept.
struct ColumnPoints {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t first = kNone;
  std::size_t lowest = kNone;
  std::size_t highest = kNone;
  std::size_t last = kNone;
  std::size_t gap = kNone;

  void add(std::size_t i, std::span<const double> y) {
    if (!std::isfinite(y[i])) {
      if (gap == kNone) gap = i;
      return;
    }
    if (first == kNone) first = lowest = highest = i;
    if (y[i] < y[lowest]) lowest = i;
    if (y[i] > y[highest]) highest = i;
    last = i;
  }

  void append_to(std::vector<std::size_t>& points) const {
    std::array all = {first, lowest, highest, last, gap};
    std::sort(all.begin(), all.end());
    for (const std::size_t i : all) {
      if (i != kNone && (points.empty() || points.back() != i)) points.push_back(i);
    }
  }
};

void check_curve(std::span<const double> x, std::span<const double> y, double low, double high, std::size_t columns) {
  if (x.size() != y.size()) throw std::invalid_argument("[visible_points] x and y have different lengths");
  if (!(low < high)) throw std::invalid_argument("[visible_points] the window is empty");
  if (columns == 0) throw std::invalid_argument("[visible_points] no columns");
}

}  // namespace

std::vector<std::size_t> visible_points(std::span<const double> x, std::span<const double> y, double low, double high,
                                        std::size_t columns) {
  check_curve(x, y, low, high, columns);
  const auto begin = static_cast<std::size_t>(std::lower_bound(x.begin(), x.end(), low) - x.begin());
  const auto end = static_cast<std::size_t>(std::upper_bound(x.begin(), x.end(), high) - x.begin());
  const double per_unit = static_cast<double>(columns) / (high - low);
  std::vector<std::size_t> points;
  if (begin > 0) points.push_back(begin - 1);
  for (std::size_t i = begin; i < end;) {
    const auto column_of = [&](std::size_t at) {
      return std::min(static_cast<std::size_t>((x[at] - low) * per_unit), columns - 1);
    };
    const std::size_t column = column_of(i);
    ColumnPoints kept;
    for (; i < end && column_of(i) == column; ++i) kept.add(i, y);
    kept.append_to(points);
  }
  if (end < x.size()) points.push_back(end);
  return points;
}

}  // namespace margay::chart
