#pragma once

#include <vector>

#include "margay/chart/axis.h"
#include "margay/chart/drawing.h"

namespace margay::chart {

/// From the numbers of a chart to places in a drawing: the low ends at the left and at the bottom.
class PlotFrame {
 public:
  PlotFrame(const ChartRanges& ranges, const PlotBox& box) : ranges_(ranges), box_(box) {}

  const PlotBox& box() const { return box_; }
  const ChartRanges& ranges() const { return ranges_; }
  double x(double value) const;
  double y(double value) const;
  PlotPoint at(double x_value, double y_value) const { return {x(x_value), y(y_value)}; }
  /// Whether a point has a place, on this side of the axes' ends or beyond.
  bool can_draw(double x_value, double y_value) const;

  /// A curve as it is drawn: interrupted where it cannot be, cut at the edges of the box, and without what a drawing of
  /// its unit cannot show (of the points in one column, the first, lowest, highest and last stay).
  std::vector<PlotRun> runs_of(const ChartSeries& series) const;

 private:
  ChartRanges ranges_;
  PlotBox box_;
};

}  // namespace margay::chart
