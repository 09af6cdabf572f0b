#include <fmt/format.h>

#include "margay/chart/chart_panel.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr Paint kInk = {Role::kInk};
constexpr Paint kSoft = {Role::kSoft};

void add_text(Drawing& drawing, const PlotPoint& at, const std::string& text, TextAnchor anchor, const Paint& paint,
              TextWeight weight = TextWeight::kNormal) {
  if (text.empty()) return;
  drawing.shapes.emplace_back(DrawnText{at, core::one_line(text), anchor, paint, weight});
}

void draw_legend_row(const ChartPanel& panel, const LegendRow& row, double y, Drawing& drawing) {
  constexpr double kSample = 26;
  constexpr double kGap = 8;
  const std::vector<std::size_t> named = named_series(*panel.chart);
  double x = panel.outer.left;
  for (std::size_t i = row.first; i < row.end; ++i) {
    const std::string& name = panel.chart->series[named[i]].name;
    drawing.shapes.emplace_back(DrawnLine{{{x, y}, {x + kSample, y}}, {Role::kSeries, named[i]}, 2.5});
    add_text(drawing, {x + kSample + kGap, y}, name, TextAnchor::kStart, kInk);
    x += legend_entry_width(name);
  }
  if (&row != &panel.legend.back() || panel.legend_left_out == 0) return;
  add_text(drawing, {x, y}, fmt::format("and {} more", panel.legend_left_out), TextAnchor::kStart, kSoft);
}

}  // namespace

void draw_words(const ChartPanel& panel, Drawing& drawing) {
  const LineChart& chart = *panel.chart;
  double y = panel.outer.top + kWordLine / 2;
  add_text(drawing, {panel.outer.left, y}, chart.title, TextAnchor::kStart, kInk, TextWeight::kBold);
  if (!chart.title.empty()) y += kWordLine + 4;
  for (const LegendRow& row : panel.legend) {
    draw_legend_row(panel, row, y, drawing);
    y += kWordLine;
  }
  add_text(drawing, {panel.outer.left, y - 1}, chart.y.label, TextAnchor::kStart, kSoft);
  add_text(drawing, {(panel.box.left + panel.box.right) / 2, panel.box.bottom + 34}, chart.x.label, TextAnchor::kMiddle,
           kSoft);
}

}  // namespace margay::chart
