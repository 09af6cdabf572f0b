#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/core/image.h"
#include "margay/core/options.h"

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

/// The size of a chart's image.
struct ChartOptions {
  int width = 960;
  int height = 600;

  static const core::OptionTable& fields();
};

/// The chart as shapes: title, legend, grid, curves, marks. Throws std::invalid_argument for a wrong chart
/// (check_chart) and for options out of range.
Drawing chart_drawing(const LineChart& chart, const ChartOptions& options = {});

/// Several charts below each other in one drawing. Throws std::invalid_argument also without any.
Drawing chart_drawing(const std::vector<LineChart>& charts, const ChartOptions& options = {});

/// drawing_image of chart_drawing: uint8 [height,width,3].
core::Image chart_image(const LineChart& chart, const ChartOptions& options = {});
core::Image chart_image(const std::vector<LineChart>& charts, const ChartOptions& options = {});

/// drawing_svg of chart_drawing. A curve or mark shows its name when the mouse points at it.
std::string chart_svg(const LineChart& chart, const ChartOptions& options = {});
std::string chart_svg(const std::vector<LineChart>& charts, const ChartOptions& options = {});

/// The characters that draw lines in a terminal.
enum class TextGlyphs {
  kBraille,  ///< 2x4 dots per character; several curves without colours use one character each, so that they differ
  kAscii     ///< characters that every terminal and log can show
};

constexpr auto names(TextGlyphs) {
  return std::array{std::pair{TextGlyphs::kBraille, "braille"}, std::pair{TextGlyphs::kAscii, "ascii"}};
}

enum class TextColour {
  kNone,
  kAnsi  ///< 24-bit colours (ECMA-48, SGR 38;2)
};

constexpr auto names(TextColour) {
  return std::array{std::pair{TextColour::kNone, "none"}, std::pair{TextColour::kAnsi, "ansi"}};
}

struct TextChartOptions {
  int columns = 80;
  int rows = 20;
  TextGlyphs glyphs = TextGlyphs::kBraille;
  TextColour colour = TextColour::kNone;

  static const core::OptionTable& fields();
};

/// The chart as text of at most `columns` columns in any script: title, legend, curves in a frame with ticks, labels.
/// Text that is too long ends with "…". Marks are the letters a, b, c, … with their names in the legend. Every line
/// ends with a line break, never with a space. The text is UTF-8; with kAscii only names may contain other letters. If
/// there is nothing to draw, the frame says "no data". Throws std::invalid_argument for a wrong chart (check_chart) and
/// for options out of range.
std::string chart_text(const LineChart& chart, const TextChartOptions& options = {});

/// Several charts below each other, an empty line between them. Throws std::invalid_argument also without any.
std::string chart_text(const std::vector<LineChart>& charts, const TextChartOptions& options = {});

}  // namespace margay::chart
