#include "margay/chart/line_chart.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/chart_panel.h"
#include "margay/chart/render.h"
#include "margay/core/text.h"

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

/// "Training: loss; learning rate over epoch", for those who cannot see the image.
std::string words_of(const LineChart& chart) {
  std::string words = chart.y.label.empty() ? "curves" : chart.y.label;
  if (!chart.x.label.empty()) words += " over " + chart.x.label;
  return core::one_line(chart.title.empty() ? words : chart.title + ": " + words);
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

Drawing chart_drawing(const std::vector<LineChart>& charts, const ChartOptions& options) {
  if (charts.empty()) throw std::invalid_argument("[chart_drawing] needs a chart");
  core::validate(options);
  Drawing drawing{.width = options.width, .height = options.height, .title = {}, .shapes = {}};
  for (const LineChart& chart : charts) {
    check_chart("chart_drawing", chart);
    drawing.title += (drawing.title.empty() ? "" : "; ") + words_of(chart);
  }
  for (const ChartPanel& panel : chart_panels(charts, options.width, options.height)) {
    draw_axes(panel, drawing);
    draw_words(panel, drawing);
    draw_curves(panel, drawing);
  }
  return drawing;
}

Drawing chart_drawing(const LineChart& chart, const ChartOptions& options) {
  return chart_drawing(std::vector{chart}, options);
}

core::Image chart_image(const std::vector<LineChart>& charts, const ChartOptions& options) {
  return drawing_image(chart_drawing(charts, options));
}

core::Image chart_image(const LineChart& chart, const ChartOptions& options) {
  return chart_image(std::vector{chart}, options);
}

std::string chart_svg(const std::vector<LineChart>& charts, const ChartOptions& options) {
  return drawing_svg(chart_drawing(charts, options));
}

std::string chart_svg(const LineChart& chart, const ChartOptions& options) {
  return chart_svg(std::vector{chart}, options);
}

const core::OptionTable& ChartOptions::fields() {
  using O = ChartOptions;
  static const core::OptionTable table(
      "chart", {core::field<&O::width>("width", "width of the image, pixels", {200, 10000}),
                core::field<&O::height>("height", "height of the image, pixels", {150, 10000})});
  return table;
}

}  // namespace margay::chart
