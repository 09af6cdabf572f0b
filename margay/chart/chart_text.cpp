#include "margay/chart/line_chart.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/axis.h"
#include "margay/chart/legend.h"
#include "margay/chart/plot_frame.h"
#include "margay/chart/text_canvas.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr int kFewestRows = 3;
constexpr int kFewestColumns = 8;
constexpr int kColumnsPerTick = 8;

/// A chart whose place in the text is known.
struct TextPanel {
  const LineChart* chart = nullptr;
  std::optional<ChartRanges> ranges;
  std::vector<Tick> y_ticks;
  int gutter = 0;   ///< columns of the labels before the frame, the same for all panels
  int columns = 0;  ///< of the curves
  int rows = 0;
};

int width_of(const std::string& text) { return static_cast<int>(core::text_width(text)); }
std::string spaces(int count) { return std::string(static_cast<std::size_t>(std::max(0, count)), ' '); }

/// The text without spaces at its end, and a line break.
std::string line(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

/// room: columns behind the indent.
std::string label_line(const std::string& label, int indent, int room) {
  if (label.empty()) return "";
  return line(spaces(indent) + core::fitted(core::one_line(label), static_cast<std::size_t>(room)));
}

/// The places of cells, as those of their middles.
PlotFrame cells_of(const TextPanel& panel) {
  return {*panel.ranges, {.right = panel.columns - 1.0, .bottom = panel.rows - 1.0}};
}

PlotFrame dots_of(const TextPanel& panel) {
  return {*panel.ranges, {.right = 2.0 * panel.columns - 1, .bottom = 4.0 * panel.rows - 1}};
}

int row_of(const TextPanel& panel, double y) { return static_cast<int>(std::lround(cells_of(panel).y(y))); }
int column_of(const TextPanel& panel, double x) { return static_cast<int>(std::lround(cells_of(panel).x(x))); }

std::vector<Tick> y_ticks_of(const TextPanel& panel) {
  if (!panel.ranges) return {};
  return fitting_ticks(panel.ranges->y, panel.rows / 2 + 1, 1, [&](const Tick& tick) {
    const int row = row_of(panel, tick.value);
    return Extent1d{row - 0.5, row + 0.5};
  });
}

/// Where the label of a tick begins, from the frame's left edge: below the tick, but within the frame.
int label_column(const TextPanel& panel, const Tick& tick) {
  const int width = width_of(tick.label);
  return std::clamp(column_of(panel, tick.value) - width / 2, 0, std::max(0, panel.columns - width));
}

std::vector<Tick> x_ticks_of(const TextPanel& panel) {
  if (!panel.ranges) return {};
  return fitting_ticks(panel.ranges->x, panel.columns / kColumnsPerTick, 2, [&](const Tick& tick) {
    const int column = label_column(panel, tick);
    return Extent1d{static_cast<double>(column), static_cast<double>(column + width_of(tick.label))};
  });
}

void say_no_data(const TextPanel& panel, TextCanvas& canvas) {
  constexpr const char* kNoData = "no data";
  canvas.put_text((panel.columns - width_of(kNoData)) / 2, panel.rows / 2, kNoData);
}

void draw_curves(const TextPanel& panel, const TextChartOptions& options, TextCanvas& canvas) {
  const bool dotted = is_dotted(*panel.chart, options);
  const PlotFrame frame = dotted ? dots_of(panel) : cells_of(panel);
  for (std::size_t i = 0; i < panel.chart->series.size(); ++i) {
    for (const PlotRun& run : frame.runs_of(panel.chart->series[i])) {
      if (dotted) {
        canvas.draw_dots(run, i);
      } else {
        canvas.draw_characters(run, i, character_of(i, options.glyphs));
      }
    }
  }
}

void draw_marks(const TextPanel& panel, TextCanvas& canvas) {
  const PlotFrame cells = cells_of(panel);
  std::size_t index = 0;
  for (const std::size_t mark : drawable_marks(*panel.chart)) {
    const ChartMark& each = panel.chart->marks[mark];
    const PlotPoint at = nearest_in(cells.box(), cells.at(each.x, each.y));
    canvas.put_letter(static_cast<int>(std::lround(at.x)), static_cast<int>(std::lround(at.y)), letter_of(index++));
  }
}

TextCanvas canvas_of(const TextPanel& panel, const TextChartOptions& options) {
  TextCanvas canvas(panel.columns, panel.rows);
  if (!panel.ranges) {
    say_no_data(panel, canvas);
    return canvas;
  }
  draw_curves(panel, options, canvas);
  draw_marks(panel, canvas);
  return canvas;
}

/// The curves behind the frame's left side and the labels of its ticks.
std::string rows_text(const TextPanel& panel, const TextChartOptions& options) {
  const bool is_ascii = options.glyphs == TextGlyphs::kAscii;
  const TextCanvas canvas = canvas_of(panel, options);
  std::string text;
  for (int row = 0; row < panel.rows; ++row) {
    const auto tick = std::find_if(panel.y_ticks.begin(), panel.y_ticks.end(),
                                   [&](const Tick& each) { return row_of(panel, each.value) == row; });
    const bool has_tick = tick != panel.y_ticks.end();
    const std::string label = has_tick ? tick->label : "";
    const char* side = is_ascii ? (has_tick ? "+" : "|") : (has_tick ? "┤" : "│");
    text +=
        line(spaces(panel.gutter - 1 - width_of(label)) + label + " " + side + canvas.row_text(row, options.colour));
  }
  return text;
}

/// The frame's lower side, and below it the labels of its ticks.
std::string foot_text(const TextPanel& panel, const TextChartOptions& options) {
  const bool is_ascii = options.glyphs == TextGlyphs::kAscii;
  std::vector<std::string> side(static_cast<std::size_t>(panel.columns), is_ascii ? "-" : "─");
  std::string labels;
  for (const Tick& tick : x_ticks_of(panel)) {
    side[static_cast<std::size_t>(column_of(panel, tick.value))] = is_ascii ? "+" : "┬";
    labels += spaces(label_column(panel, tick) - width_of(labels)) + tick.label;
  }
  std::string text = spaces(panel.gutter) + (is_ascii ? "+" : "└") + core::joined(side, "");
  text = line(text) + (labels.empty() ? "" : line(spaces(panel.gutter + 1) + labels));
  const int indent = std::max(0, (panel.columns - width_of(core::one_line(panel.chart->x.label))) / 2);
  return text + label_line(panel.chart->x.label, panel.gutter + 1 + indent, panel.columns - indent);
}

std::string panel_text(const TextPanel& panel, const TextChartOptions& options) {
  const int indent = panel.gutter + 1;
  return label_line(panel.chart->title, indent, panel.columns) +
         text_legend(*panel.chart, options, indent, panel.columns) +
         label_line(panel.chart->y.label, indent, panel.columns) + rows_text(panel, options) +
         foot_text(panel, options);
}

std::vector<TextPanel> panels_of(const std::vector<LineChart>& charts, const TextChartOptions& options) {
  double shares = 0;
  for (const LineChart& chart : charts) shares += chart.height_share;
  std::vector<TextPanel> panels;
  int gutter = 0;
  for (const LineChart& chart : charts) {
    const int rows = static_cast<int>(std::lround(options.rows * chart.height_share / shares));
    TextPanel& panel = panels.emplace_back();
    panel.chart = &chart;
    panel.ranges = ranges_of(chart, {});
    panel.rows = std::max(kFewestRows, rows);
    panel.y_ticks = y_ticks_of(panel);
    for (const Tick& tick : panel.y_ticks) gutter = std::max(gutter, width_of(tick.label) + 1);
  }
  for (TextPanel& panel : panels) {
    panel.gutter = std::max(1, gutter);
    panel.columns = std::max(kFewestColumns, options.columns - panel.gutter - 1);
  }
  return panels;
}

}  // namespace

std::string chart_text(const std::vector<LineChart>& charts, const TextChartOptions& options) {
  if (charts.empty()) throw std::invalid_argument("[chart_text] needs a chart");
  core::validate(options);
  for (const LineChart& chart : charts) check_chart("chart_text", chart);
  std::string text;
  for (const TextPanel& panel : panels_of(charts, options)) {
    text += (text.empty() ? "" : "\n") + panel_text(panel, options);
  }
  return text;
}

std::string chart_text(const LineChart& chart, const TextChartOptions& options) {
  return chart_text(std::vector{chart}, options);
}

const core::OptionTable& TextChartOptions::fields() {
  using O = TextChartOptions;
  static const core::OptionTable table(
      "text_chart", {core::field<&O::columns>("columns", "width of the whole chart, characters", {20, 1000}),
                     core::field<&O::rows>("rows", "height of the curves, lines; charts in one share them", {3, 1000}),
                     core::field<&O::glyphs>("glyphs", "what lines are made of: braille, ascii"),
                     core::field<&O::colour>("colour", "colours of the curves: none, ansi")});
  return table;
}

}  // namespace margay::chart
