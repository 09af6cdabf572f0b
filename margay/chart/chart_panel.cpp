#include "margay/chart/chart_panel.h"

#include <algorithm>
#include <numeric>

#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr double kEdge = 18;      // free room at the image's edges
constexpr double kTickLine = 24;  // of the labels below the curves
constexpr double kTickGap = 8;    // between a label and the curves
constexpr double kPxPerTickX = 70;
constexpr double kPxPerTickY = 36;
constexpr double kBetweenPanels = 12;
constexpr double kSmallestPlot = 24;
constexpr std::size_t kMostLegendRows = 5;

double height_above(const ChartPanel& panel) {
  const double title = panel.chart->title.empty() ? 0 : kWordLine + 4;
  const double legend = kWordLine * static_cast<double>(panel.legend.size());
  return title + legend + (panel.chart->y.label.empty() ? 0 : kWordLine) + kTextHeight / 2;
}

double height_below(const ChartPanel& panel) { return kTickLine + (panel.chart->x.label.empty() ? 0 : kWordLine); }

/// As many rows as a legend may have; the last leaves room for saying how many curves are not named.
void lay_out_legend(ChartPanel& panel) {
  std::vector<double> widths;
  for (const std::size_t i : named_series(*panel.chart)) {
    widths.push_back(legend_entry_width(panel.chart->series[i].name));
  }
  panel.legend = legend_rows(widths, panel.outer.width());
  if (panel.legend.size() <= kMostLegendRows) return;
  panel.legend.resize(kMostLegendRows);
  LegendRow& last = panel.legend.back();
  if (last.end - last.first > 1) --last.end;
  panel.legend_left_out = widths.size() - last.end;
}

void set_heights(ChartPanel& panel) {
  panel.box.top = panel.outer.top + height_above(panel);
  panel.box.bottom = std::max(panel.box.top + kSmallestPlot, panel.outer.bottom - height_below(panel));
}

void find_y_ticks(ChartPanel& panel) {
  if (!panel.ranges) return;
  const PlotFrame frame(*panel.ranges, panel.box);
  panel.y_ticks =
      fitting_ticks(panel.ranges->y, static_cast<int>(panel.box.height() / kPxPerTickY), 2, [&](const Tick& tick) {
        const double y = frame.y(tick.value);
        return Extent1d{y - kTextHeight / 2, y + kTextHeight / 2};
      });
}

void find_x_ticks(ChartPanel& panel) {
  if (!panel.ranges) return;
  const PlotFrame frame(*panel.ranges, panel.box);
  panel.x_ticks = fitting_ticks(panel.ranges->x, static_cast<int>(panel.box.width() / kPxPerTickX), 2 * kTickGap,
                                [&](const Tick& tick) {
                                  const double half = text_width_px(tick.label) / 2;
                                  return Extent1d{frame.x(tick.value) - half, frame.x(tick.value) + half};
                                });
}

double label_width(const std::vector<Tick>& ticks) {
  double width = 0;
  for (const Tick& tick : ticks) width = std::max(width, text_width_px(tick.label));
  return width;
}

}  // namespace

double legend_entry_width(const std::string& name) {
  constexpr double kSample = 34;  // a piece of the line and the gap behind it
  constexpr double kGap = 18;
  return kSample + text_width_px(core::one_line(name)) + kGap;
}

std::vector<ChartPanel> chart_panels(const std::vector<LineChart>& charts, double width, double height) {
  const double shares = std::accumulate(charts.begin(), charts.end(), 0.0,
                                        [](double sum, const LineChart& chart) { return sum + chart.height_share; });
  const double room = height - 2 * kEdge - kBetweenPanels * static_cast<double>(charts.size() - 1);
  constexpr Rim kRim = {.x = 0.02, .y = 0.05};
  std::vector<ChartPanel> panels;
  double top = kEdge;
  double labels = 0;
  for (const LineChart& chart : charts) {
    ChartPanel& panel = panels.emplace_back();
    panel.chart = &chart;
    panel.outer = {kEdge, top, width - kEdge, top + room * chart.height_share / shares};
    panel.ranges = ranges_of(chart, kRim);
    lay_out_legend(panel);
    set_heights(panel);
    find_y_ticks(panel);
    labels = std::max(labels, label_width(panel.y_ticks));
    top = panel.outer.bottom + kBetweenPanels;
  }
  for (ChartPanel& panel : panels) {
    panel.box.left = panel.outer.left + (labels > 0 ? labels + kTickGap : 0);
    panel.box.right = panel.outer.right;
    find_x_ticks(panel);
  }
  return panels;
}

}  // namespace margay::chart
