#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace margay::chart {

enum class AxisScale {
  kLinear,
  kLog  ///< equal factors are equal distances; numbers that are not positive are left out
};

/// What an axis says and where it ends. Ends that are not given follow the numbers, with a little room beyond them.
struct ChartAxis {
  std::string label;
  AxisScale scale = AxisScale::kLinear;
  std::optional<double> low;   ///< where the axis begins; curves are cut there
  std::optional<double> high;  ///< where it ends: keeps a loss that explodes from flattening what came before
};

/// One curve. A point that cannot be drawn (NaN, ±∞, a size beyond 1e250, not positive on a logarithmic axis)
/// interrupts the line; a point between two such is a dot.
struct ChartSeries {
  std::string name;       ///< for the legend; a curve without one is not in it
  std::vector<double> x;  ///< as many as y, in the order they are joined; none stands for 0, 1, 2, …
  std::vector<double> y;

  double x_at(std::size_t i) const { return x.empty() ? static_cast<double>(i) : x[i]; }
};

/// A point worth a name, written as "name x". Beyond an end of an axis it stands at that end; one that cannot be drawn
/// is left out.
struct ChartMark {
  std::string name;
  double x = 0;
  double y = 0;
};

/// Curves over one pair of axes. Drawn by chart_text (terminal), chart_svg (page) and chart_image (PNG); each also
/// takes several charts, which stand below each other with their left edges aligned. Names and labels may be any text.
///
///     LineChart{.title = "Learning rate finder",
///               .x = {.label = "learning rate", .scale = AxisScale::kLog},
///               .y = {.label = "smoothed loss", .high = 4},
///               .series = {{.name = "loss", .x = rates, .y = losses}},
///               .marks = {{"valley", 1.2e-3, 0.81}}}
struct LineChart {
  std::string title;
  ChartAxis x;
  ChartAxis y;
  std::vector<ChartSeries> series;
  std::vector<ChartMark> marks;
  double height_share = 1;  ///< height among charts that stand below each other: a multiple of theirs, above 0
};

/// Throws std::invalid_argument, naming `function`, for a curve whose x and y differ in number, for ends of an axis
/// that cannot be drawn or are not in order, and for a height_share that is not positive.
void check_chart(const char* function, const LineChart& chart);

/// Whether a number has a place on such an axis.
bool has_place(AxisScale scale, double value);

}  // namespace margay::chart
