#include "margay/chart/line_chart.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::chart {
namespace {

constexpr double kLargest = 1e250;    // room for sums, differences and the rim beyond them
constexpr double kSmallest = 1e-250;  // of a logarithmic axis

void check_axis(const char* function, const char* name, const ChartAxis& axis) {
  for (const auto& end : {axis.low, axis.high}) {
    if (!end || has_place(axis.scale, *end)) continue;
    throw std::invalid_argument(fmt::format("[{}] the {} axis cannot end at {}", function, name, *end));
  }
  if (!axis.low || !axis.high || *axis.low < *axis.high) return;
  throw std::invalid_argument(
      fmt::format("[{}] the {} axis must begin below its end, got {} and {}", function, name, *axis.low, *axis.high));
}

}  // namespace

bool has_place(AxisScale scale, double value) {
  if (!std::isfinite(value) || std::abs(value) > kLargest) return false;
  return scale == AxisScale::kLinear || value >= kSmallest;
}

void check_chart(const char* function, const LineChart& chart) {
  check_axis(function, "x", chart.x);
  check_axis(function, "y", chart.y);
  for (const ChartSeries& series : chart.series) {
    if (series.x.empty() || series.x.size() == series.y.size()) continue;
    throw std::invalid_argument(
        fmt::format("[{}] series '{}' has {} x for {} y", function, series.name, series.x.size(), series.y.size()));
  }
  if (!(chart.height_share > 0) || !std::isfinite(chart.height_share)) {
    throw std::invalid_argument(fmt::format("[{}] height_share must be above 0, got {}", function, chart.height_share));
  }
}

}  // namespace margay::chart
