#pragma once

#include <optional>
#include <vector>

#include "margay/chart/axis.h"
#include "margay/chart/drawing.h"
#include "margay/chart/legend.h"
#include "margay/chart/plot_frame.h"

namespace margay::chart {

constexpr double kWordLine = 22;  ///< height of a line of words, pixels

/// A chart whose place in the image is known, pixels.
struct ChartPanel {
  const LineChart* chart = nullptr;
  PlotBox outer;                      ///< the chart with its words
  PlotBox box;                        ///< the curves
  std::optional<ChartRanges> ranges;  ///< empty when there is nothing to draw
  std::vector<LegendRow> legend;      ///< of named_series
  std::size_t legend_left_out = 0;    ///< curves for which the legend has no room
  std::vector<Tick> x_ticks;
  std::vector<Tick> y_ticks;
};

/// Divides the image among the charts by their height shares; the left edges of their curves are aligned.
std::vector<ChartPanel> chart_panels(const std::vector<LineChart>& charts, double width, double height);

// The parts of a panel, each added above what is drawn already.

void draw_words(const ChartPanel& panel, Drawing& drawing);   ///< title, legend, labels of the axes
void draw_axes(const ChartPanel& panel, Drawing& drawing);    ///< grid, ticks and their labels
void draw_curves(const ChartPanel& panel, Drawing& drawing);  ///< and their marks, or "no data"

/// Room of a legend's entry: a piece of the line, the name, and a gap.
double legend_entry_width(const std::string& name);

}  // namespace margay::chart
