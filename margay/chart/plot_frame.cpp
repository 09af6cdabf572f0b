#include "margay/chart/plot_frame.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace margay::chart {
namespace {

struct Piece {
  PlotPoint from;
  PlotPoint to;
};

/// The part of a line within the box (Liang, Barsky, 1984).
std::optional<Piece> cut(const PlotBox& box, const PlotPoint& from, const PlotPoint& to) {
  const double dx = to.x - from.x;
  const double dy = to.y - from.y;
  const std::array<std::pair<double, double>, 4> edges = {
      {{-dx, from.x - box.left}, {dx, box.right - from.x}, {-dy, from.y - box.top}, {dy, box.bottom - from.y}}};
  double begin = 0;
  double end = 1;
  for (const auto& [towards, room] : edges) {
    if (towards == 0 && room < 0) return std::nullopt;
    if (towards < 0) begin = std::max(begin, room / towards);
    if (towards > 0) end = std::min(end, room / towards);
  }
  if (begin > end) return std::nullopt;
  return Piece{begin == 0 ? from : PlotPoint{from.x + begin * dx, from.y + begin * dy},
               end == 1 ? to : PlotPoint{from.x + end * dx, from.y + end * dy}};
}

bool is_same(const PlotPoint& a, const PlotPoint& b) { return a.x == b.x && a.y == b.y; }

void add_cut(const PlotBox& box, const PlotRun& run, std::vector<PlotRun>& runs) {
  if (run.size() == 1 && is_same(run[0], nearest_in(box, run[0]))) runs.push_back(run);
  PlotRun current;
  for (std::size_t i = 1; i < run.size(); ++i) {
    const auto piece = cut(box, run[i - 1], run[i]);
    if (!piece) continue;
    if (!current.empty() && !is_same(current.back(), piece->from)) runs.push_back(std::exchange(current, {}));
    if (current.empty()) current.push_back(piece->from);
    current.push_back(piece->to);
  }
  if (!current.empty()) runs.push_back(std::move(current));
}

/// Adds what stays of the points first … last-1, which stand in one column.
void add_column(const PlotRun& run, std::size_t first, std::size_t last, PlotRun& thinned) {
  const auto begin = run.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = run.begin() + static_cast<std::ptrdiff_t>(last);
  const auto [low, high] = std::minmax_element(begin, end, [](const auto& a, const auto& b) { return a.y < b.y; });
  std::array kept = {begin, low, high, end - 1};
  std::sort(kept.begin(), kept.end());
  const auto stop = std::unique(kept.begin(), kept.end());
  for (auto each = kept.begin(); each != stop; ++each) thinned.push_back(**each);
}

PlotRun thinned(const PlotRun& run) {
  PlotRun thinned;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= run.size(); ++i) {
    if (i < run.size() && std::floor(run[i].x) == std::floor(run[first].x)) continue;
    add_column(run, first, i, thinned);
    first = i;
  }
  return thinned;
}

constexpr double kFarOutside = 1e9;  // beyond, products would overflow; the slope of a line to there is vertical anyway

}  // namespace

double PlotFrame::x(double value) const {
  return std::clamp(box_.left + ranges_.x.place_of(value) * box_.width(), -kFarOutside, kFarOutside);
}

double PlotFrame::y(double value) const {
  return std::clamp(box_.bottom - ranges_.y.place_of(value) * box_.height(), -kFarOutside, kFarOutside);
}

bool PlotFrame::can_draw(double x_value, double y_value) const {
  return has_place(ranges_.x.scale, x_value) && has_place(ranges_.y.scale, y_value);
}

std::vector<PlotRun> PlotFrame::runs_of(const ChartSeries& series) const {
  std::vector<PlotRun> runs;
  PlotRun current;
  const auto finish = [&] {
    if (!current.empty()) add_cut(box_, thinned(current), runs);
    current.clear();
  };
  for (std::size_t i = 0; i < series.y.size(); ++i) {
    if (can_draw(series.x_at(i), series.y[i])) {
      current.push_back(at(series.x_at(i), series.y[i]));
    } else {
      finish();
    }
  }
  finish();
  return runs;
}

}  // namespace margay::chart
