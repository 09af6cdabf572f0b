#include <cmath>

#include <fmt/format.h>

#include "margay/chart/chart_panel.h"
#include "margay/chart/label_places.h"
#include "margay/chart/tick_labels.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

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
  for (const PlacedMark& mark : marks) wishes.push_back({mark.at, text_width_px(mark.label), kTextHeight});
  const PlotBox& box = panel.box;
  const std::vector<PlotBox> places =
      label_places(wishes, curves, {box.left + kInset, box.top + kInset, box.right - kInset, box.bottom - kInset});
  for (std::size_t i = 0; i < marks.size(); ++i) draw_leader(marks[i].at, places[i], drawing);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    drawing.shapes.emplace_back(DrawnDisc{marks[i].at, kMarkRadius + kMarkRim, {Role::kCard}});
    drawing.shapes.emplace_back(DrawnDisc{marks[i].at, kMarkRadius, {Role::kInk}, marks[i].words});
    const bool is_left = places[i].right < marks[i].at.x;
    const double y = (places[i].top + places[i].bottom) / 2;
    drawing.shapes.emplace_back(DrawnText{{is_left ? places[i].right : places[i].left, y},
                                          marks[i].label,
                                          is_left ? TextAnchor::kEnd : TextAnchor::kStart,
                                          {Role::kInk}});
  }
}

}  // namespace

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
