#include "margay/chart/chart_image.h"

#include <algorithm>

#include "margay/chart/brush.h"
#include "margay/chart/chart_layout.h"

namespace margay::chart {
namespace {

/// The light ones of the page.
Rgb colour_of(const Paint& paint) {
  switch (paint.role) {
    case Role::kCard:
      return {255, 255, 255};
    case Role::kGrid:
      return {228, 231, 237};
    case Role::kSoft:
      return {102, 112, 132};
    case Role::kInk:
      return {28, 35, 48};
    case Role::kSeries:
      break;
  }
  return series_colour(paint.series);
}

void paint(const DrawnLine& line, core::Image& image) {
  const bool is_curve = line.paint.role == Role::kSeries;
  paint_line(line.points, line.width_px, colour_of(line.paint),
             is_curve ? series_dashes(line.paint.series) : std::vector<double>{}, image);
}

void paint(const DrawnDisc& disc, core::Image& image) {
  paint_disc(disc.centre, disc.radius_px, colour_of(disc.paint), image);
}

void paint(const DrawnText& text, core::Image& image) { paint_text(text, colour_of(text.paint), image); }

}  // namespace

core::Image chart_image(const std::vector<LineChart>& charts, const ChartOptions& options) {
  const Drawing drawing = chart_drawing("chart_image", charts, options);
  core::Image image(drawing.height, drawing.width);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{255});
  for (const Shape& shape : drawing.shapes) {
    std::visit([&](const auto& each) { paint(each, image); }, shape);
  }
  return image;
}

core::Image chart_image(const LineChart& chart, const ChartOptions& options) {
  return chart_image(std::vector{chart}, options);
}

}  // namespace margay::chart
