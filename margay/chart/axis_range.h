#pragma once

#include <optional>

#include "margay/chart/line_chart.h"

namespace margay::chart {

/// The numbers an axis shows, low < high.
struct AxisRange {
  AxisScale scale = AxisScale::kLinear;
  double low = 0;
  double high = 1;

  /// Where a number stands: 0 at low, 1 at high, beyond them outside 0 … 1. It must have a place (has_place).
  double place_of(double value) const;
};

struct ChartRanges {
  AxisRange x;
  AxisRange y;
};

/// Free room beyond the outermost numbers, as shares of the axis.
struct Rim {
  double x = 0;
  double y = 0;
};

/// The axes of a chart: its own ends, and where it has none, those of what can be drawn (for y: between the ends of x)
/// with the rim around it. Where all is one number, that number gets room on both sides. Empty when there is nothing
/// to draw.
std::optional<ChartRanges> ranges_of(const LineChart& chart, const Rim& rim);

}  // namespace margay::chart
