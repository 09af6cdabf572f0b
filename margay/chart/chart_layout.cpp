#include "margay/chart/chart_layout.h"

#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/chart_panel.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

/// "Training: loss; learning rate over epoch", for those who cannot see the image.
std::string words_of(const LineChart& chart) {
  std::string words = chart.y.label.empty() ? "curves" : chart.y.label;
  if (!chart.x.label.empty()) words += " over " + chart.x.label;
  return core::one_line(chart.title.empty() ? words : chart.title + ": " + words);
}

}  // namespace

Drawing chart_drawing(const char* function, const std::vector<LineChart>& charts, const ChartOptions& options) {
  if (charts.empty()) throw std::invalid_argument(fmt::format("[{}] needs a chart", function));
  core::validate(options);
  Drawing drawing{.width = options.width, .height = options.height, .title = {}, .shapes = {}};
  for (const LineChart& chart : charts) {
    check_chart(function, chart);
    drawing.title += (drawing.title.empty() ? "" : "; ") + words_of(chart);
  }
  for (const ChartPanel& panel : chart_panels(charts, options.width, options.height)) {
    draw_axes(panel, drawing);
    draw_words(panel, drawing);
    draw_curves(panel, drawing);
  }
  return drawing;
}

}  // namespace margay::chart
