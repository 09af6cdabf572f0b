#include <cmath>

#include "margay/chart/chart_panel.h"

namespace margay::chart {
namespace {

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

}  // namespace

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

}  // namespace margay::chart
