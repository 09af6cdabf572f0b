#include "margay/chart/legend.h"

#include <fmt/format.h>

#include "margay/chart/tick_labels.h"
#include "margay/core/text.h"

namespace margay::chart {

std::vector<LegendRow> legend_rows(const std::vector<double>& widths, double room) {
  std::vector<LegendRow> rows;
  double used = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (rows.empty() || used + widths[i] > room) {
      rows.push_back({i, i});
      used = 0;
    }
    used += widths[i];
    rows.back().end = i + 1;
  }
  return rows;
}

std::vector<std::size_t> named_series(const LineChart& chart) {
  std::vector<std::size_t> named;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    if (!chart.series[i].name.empty()) named.push_back(i);
  }
  return named;
}

std::vector<std::size_t> drawable_marks(const LineChart& chart) {
  std::vector<std::size_t> marks;
  for (std::size_t i = 0; i < chart.marks.size(); ++i) {
    if (has_place(chart.x.scale, chart.marks[i].x) && has_place(chart.y.scale, chart.marks[i].y)) marks.push_back(i);
  }
  return marks;
}

std::string mark_text(const ChartMark& mark) {
  return core::one_line(fmt::format("{}{}{}", mark.name, mark.name.empty() ? "" : " ", short_number(mark.x)));
}

}  // namespace margay::chart
