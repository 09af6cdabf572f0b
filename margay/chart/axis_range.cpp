#include "margay/chart/axis_range.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace margay::chart {
namespace {

constexpr double kRoundingNoise = 1e-9;  // a range narrower than this share of its numbers is one number
constexpr double kNarrowest = 1e-250;

/// Of the numbers given to it, the outermost, on the axis's own ruler (the logarithm for a logarithmic axis).
struct Span {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  bool is_empty() const { return low > high; }
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

double on_ruler(AxisScale scale, double value) { return scale == AxisScale::kLog ? std::log10(value) : value; }
double from_ruler(AxisScale scale, double place) { return scale == AxisScale::kLog ? std::pow(10, place) : place; }

/// Calls visit(x, y) for each point and mark that has a place on both axes.
template <class Visit>
void for_each_point(const LineChart& chart, const Visit& visit) {
  const auto point = [&](double x, double y) {
    if (has_place(chart.x.scale, x) && has_place(chart.y.scale, y)) visit(x, y);
  };
  for (const ChartSeries& series : chart.series) {
    for (std::size_t i = 0; i < series.y.size(); ++i) point(series.x_at(i), series.y[i]);
  }
  for (const ChartMark& mark : chart.marks) point(mark.x, mark.y);
}

double room_around(AxisScale scale, double place) {
  if (scale == AxisScale::kLog) return 0.5;
  return std::abs(place) < kNarrowest ? 1 : std::abs(place) / 10;
}

AxisRange range_of(const ChartAxis& axis, Span span, double rim) {
  if (axis.low) span.low = on_ruler(axis.scale, *axis.low);
  if (axis.high) span.high = on_ruler(axis.scale, *axis.high);
  if (!axis.low) span.low = std::min(span.low, span.high);
  if (!axis.high) span.high = std::max(span.low, span.high);
  const double width = span.high - span.low;
  const double size = std::max(std::abs(span.low), std::abs(span.high));
  const bool is_one_number = width < kNarrowest || width < size * kRoundingNoise;
  const double room = is_one_number ? room_around(axis.scale, span.low) : width * rim;
  if (!axis.low) span.low -= room;
  if (!axis.high) span.high += room;
  return {axis.scale, axis.low.value_or(from_ruler(axis.scale, span.low)),
          axis.high.value_or(from_ruler(axis.scale, span.high))};
}

bool shows(const ChartAxis& axis, double value) {
  return (!axis.low || value >= *axis.low) && (!axis.high || value <= *axis.high);
}

}  // namespace

double AxisRange::place_of(double value) const {
  const double from = on_ruler(scale, low);
  return (on_ruler(scale, value) - from) / (on_ruler(scale, high) - from);
}

std::optional<ChartRanges> ranges_of(const LineChart& chart, const Rim& rim) {
  Span all_x;
  Span all_y;
  Span shown_y;
  for_each_point(chart, [&](double x, double y) {
    all_x.add(on_ruler(chart.x.scale, x));
    all_y.add(on_ruler(chart.y.scale, y));
    if (shows(chart.x, x)) shown_y.add(on_ruler(chart.y.scale, y));
  });
  if (all_x.is_empty()) return std::nullopt;
  return ChartRanges{range_of(chart.x, all_x, rim.x), range_of(chart.y, shown_y.is_empty() ? all_y : shown_y, rim.y)};
}

}  // namespace margay::chart
