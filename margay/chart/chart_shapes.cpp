#include "margay/chart/chart_panel.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "margay/chart/axis.h"
#include "margay/chart/label_places.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr Paint kInk = {Role::kInk};
constexpr Paint kSoft = {Role::kSoft};

void add_text(Drawing& drawing, const PlotPoint& at, const std::string& text, TextAnchor anchor, const Paint& paint,
              double room_px, TextWeight weight = TextWeight::kNormal) {
  if (text.empty()) return;
  drawing.shapes.emplace_back(DrawnText{at, core::one_line(text), anchor, paint, weight, room_px});
}

void draw_legend_row(const ChartPanel& panel, const LegendRow& row, double y, Drawing& drawing) {
  constexpr double kSample = 26;
  constexpr double kGap = 8;
  const std::vector<std::size_t> named = named_series(*panel.chart);
  double x = panel.outer.left;
  for (std::size_t i = row.first; i < row.end; ++i) {
    const std::string& name = panel.chart->series[named[i]].name;
    drawing.shapes.emplace_back(DrawnLine{{{x, y}, {x + kSample, y}}, {Role::kSeries, named[i]}, 2.5});
    const double left = x + kSample + kGap;
    add_text(drawing, {left, y}, name, TextAnchor::kStart, kInk,
             std::min(text_width_px(name), panel.outer.right - left));
    x += legend_entry_width(name);
  }
  if (&row != &panel.legend.back() || panel.legend_left_out == 0) return;
  add_text(drawing, {x, y}, fmt::format("and {} more", panel.legend_left_out), TextAnchor::kStart, kSoft,
           panel.outer.right - x);
}

constexpr Paint kGridPaint = {Role::kGrid};
constexpr Paint kAxisPaint = {Role::kSoft};
constexpr double kTickLength = 5;
constexpr double kMinorLength = 3;

/// The middle of a pixel: a line of one pixel is then sharp.
double sharp(double place) { return std::floor(place) + 0.5; }

void add_line(Drawing& drawing, const PlotPoint& from, const PlotPoint& to, const Paint& paint) {
  drawing.shapes.emplace_back(DrawnLine{{from, to}, paint, 1});
}

void draw_x_ticks(const ChartPanel& panel, const PlotFrame& frame, Drawing& drawing) {
  const PlotBox& box = panel.box;
  const double bottom = sharp(box.bottom);
  for (const double value : minor_ticks(panel.ranges->x, panel.x_ticks)) {
    add_line(drawing, {sharp(frame.x(value)), bottom}, {sharp(frame.x(value)), bottom + kMinorLength}, kAxisPaint);
  }
  for (const Tick& tick : panel.x_ticks) {
    const double x = sharp(frame.x(tick.value));
    add_line(drawing, {x, box.top}, {x, bottom}, kGridPaint);
    add_line(drawing, {x, bottom}, {x, bottom + kTickLength}, kAxisPaint);
    drawing.shapes.emplace_back(DrawnText{{x, bottom + 15}, tick.label, TextAnchor::kMiddle, kAxisPaint});
  }
}

void draw_y_ticks(const ChartPanel& panel, const PlotFrame& frame, Drawing& drawing) {
  for (const Tick& tick : panel.y_ticks) {
    const double y = sharp(frame.y(tick.value));
    add_line(drawing, {panel.box.left, y}, {panel.box.right, y}, kGridPaint);
    drawing.shapes.emplace_back(DrawnText{{panel.box.left - 8, y}, tick.label, TextAnchor::kEnd, kAxisPaint});
  }
}

constexpr double kCurveWidth = 2;
constexpr double kNoisyCurveWidth = 1.25;  // of one that would be a band
constexpr double kNoisyFrom = 5;           // how many times a curve's length is the width it spans
constexpr double kMarkRadius = 5;
constexpr double kMarkRim = 1.5;
constexpr double kLeaderFrom = 24;  // a label further away than this is joined to its mark
constexpr double kLeaderGap = 5;    // so that the line is no minus of the label
constexpr double kInset = 5;        // of labels from the axes

constexpr std::size_t kFewPoints = 100;

struct PlacedMark {
  PlotPoint at;
  std::string label;
  std::string words;  ///< what the mouse is told
};

std::vector<PlacedMark> marks_of(const ChartPanel& panel, const PlotFrame& frame) {
  std::vector<PlacedMark> marks;
  for (const std::size_t i : drawable_marks(*panel.chart)) {
    const ChartMark& mark = panel.chart->marks[i];
    const PlotPoint at = nearest_in(panel.box, frame.at(mark.x, mark.y));
    const std::string words =
        core::one_line(fmt::format("{}: {}, {}", mark.name, short_number(mark.x), short_number(mark.y)));
    marks.push_back({at, mark_text(mark), words});
  }
  return marks;
}

bool is_noisy(const PlotRun& run) {
  double length = 0;
  for (std::size_t i = 1; i < run.size(); ++i) length += std::hypot(run[i].x - run[i - 1].x, run[i].y - run[i - 1].y);
  return run.size() > kFewPoints && length > kNoisyFrom * std::abs(run.back().x - run.front().x);
}

void draw_leader(const PlotPoint& mark, const PlotBox& label, Drawing& drawing) {
  PlotPoint end = nearest_in(label, mark);
  const double length = std::hypot(end.x - mark.x, end.y - mark.y);
  if (length < kLeaderFrom) return;
  end = {end.x - (end.x - mark.x) * kLeaderGap / length, end.y - (end.y - mark.y) * kLeaderGap / length};
  drawing.shapes.emplace_back(DrawnLine{{mark, end}, {Role::kSoft}, 1});
}

void draw_marks(const ChartPanel& panel, const PlotFrame& frame, const std::vector<PlotRun>& curves, Drawing& drawing) {
  const std::vector<PlacedMark> marks = marks_of(panel, frame);
  std::vector<LabelWish> wishes;
  const PlotBox& box = panel.box;
  for (const PlacedMark& mark : marks) {
    wishes.push_back({mark.at, std::min(text_width_px(mark.label), box.width() - 2 * kInset), kTextHeight});
  }
  const std::vector<PlotBox> places =
      label_places(wishes, curves, {box.left + kInset, box.top + kInset, box.right - kInset, box.bottom - kInset});
  for (std::size_t i = 0; i < marks.size(); ++i) draw_leader(marks[i].at, places[i], drawing);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    drawing.shapes.emplace_back(DrawnDisc{marks[i].at, kMarkRadius + kMarkRim, {Role::kCard}});
    drawing.shapes.emplace_back(DrawnDisc{marks[i].at, kMarkRadius, {Role::kInk}, marks[i].words});
    const bool is_left = places[i].right < marks[i].at.x;
    const double y = (places[i].top + places[i].bottom) / 2;
    add_text(drawing, {is_left ? places[i].right : places[i].left, y}, marks[i].label,
             is_left ? TextAnchor::kEnd : TextAnchor::kStart, kInk, places[i].width());
  }
}

}  // namespace

void draw_words(const ChartPanel& panel, Drawing& drawing) {
  const LineChart& chart = *panel.chart;
  double y = panel.outer.top + kWordLine / 2;
  add_text(drawing, {panel.outer.left, y}, chart.title, TextAnchor::kStart, kInk, panel.outer.width(),
           TextWeight::kBold);
  if (!chart.title.empty()) y += kWordLine + 4;
  for (const LegendRow& row : panel.legend) {
    draw_legend_row(panel, row, y, drawing);
    y += kWordLine;
  }
  add_text(drawing, {panel.outer.left, y - 1}, chart.y.label, TextAnchor::kStart, kSoft, panel.outer.width());
  add_text(drawing, {(panel.box.left + panel.box.right) / 2, panel.box.bottom + 34}, chart.x.label, TextAnchor::kMiddle,
           kSoft, panel.box.width());
}

void draw_axes(const ChartPanel& panel, Drawing& drawing) {
  if (panel.ranges) {
    const PlotFrame frame(*panel.ranges, panel.box);
    draw_x_ticks(panel, frame, drawing);
    draw_y_ticks(panel, frame, drawing);
  }
  const PlotPoint corner = {sharp(panel.box.left), sharp(panel.box.bottom)};
  drawing.shapes.emplace_back(
      DrawnLine{{{corner.x, panel.box.top}, corner, {panel.box.right, corner.y}}, kAxisPaint, 1});
}

void draw_curves(const ChartPanel& panel, Drawing& drawing) {
  if (!panel.ranges) {
    const PlotPoint middle = {(panel.box.left + panel.box.right) / 2, (panel.box.top + panel.box.bottom) / 2};
    drawing.shapes.emplace_back(DrawnText{middle, "no data", TextAnchor::kMiddle, {Role::kSoft}});
    return;
  }
  const PlotFrame frame(*panel.ranges, panel.box);
  std::vector<PlotRun> all;
  for (std::size_t i = 0; i < panel.chart->series.size(); ++i) {
    const ChartSeries& series = panel.chart->series[i];
    for (PlotRun& run : frame.runs_of(series)) {
      const double width = is_noisy(run) ? kNoisyCurveWidth : kCurveWidth;
      drawing.shapes.emplace_back(DrawnLine{run, {Role::kSeries, i}, width, core::one_line(series.name)});
      all.push_back(std::move(run));
    }
  }
  draw_marks(panel, frame, all, drawing);
}

}  // namespace margay::chart
