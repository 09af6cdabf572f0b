#include "margay/chart/chart_svg.h"
#include "margay/chart/chart_options.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/chart/chart_layout.h"
#include "margay/chart/chart_palette.h"
#include "margay/core/html_escape.h"

namespace margay::chart {
namespace {

/// The colours of the roles, light and dark; those of the X-ray's page.
constexpr const char* kStyle = R"css(
.margay-chart { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
.margay-chart .card { color: #ffffff; } .margay-chart .grid { color: #e4e7ed; }
.margay-chart .soft { color: #667084; } .margay-chart .ink { color: #1c2330; }
.margay-chart polyline { fill: none; stroke: currentColor; stroke-linejoin: round; stroke-linecap: round; }
.margay-chart circle, .margay-chart text, .margay-chart rect { fill: currentColor; }
@media (prefers-color-scheme: dark) {
.margay-chart .card { color: #1a1f28; } .margay-chart .grid { color: #2b323f; }
.margay-chart .soft { color: #939cae; } .margay-chart .ink { color: #e6e9f0; } }
)css";

/// Escaped, and with U+FFFD for what is no UTF-8: a browser refuses a whole document for it.
std::string xml_text(const std::string& text) {
  using Json = nlohmann::json;
  return core::html_escaped(
      Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>());
}

std::string paint_of(const Paint& paint) {
  switch (paint.role) {
    case Role::kCard:
      return R"(class="card")";
    case Role::kGrid:
      return R"(class="grid")";
    case Role::kSoft:
      return R"(class="soft")";
    case Role::kInk:
      return R"(class="ink")";
    case Role::kSeries:
      break;
  }
  const Rgb colour = series_colour(paint.series);
  return fmt::format(R"(color="#{:02x}{:02x}{:02x}")", colour.red, colour.green, colour.blue);
}

std::string dashes_of(const Paint& paint) {
  const std::vector<double> dashes = paint.role == Role::kSeries ? series_dashes(paint.series) : std::vector<double>{};
  return dashes.empty() ? "" : fmt::format(R"( stroke-dasharray="{}")", fmt::join(dashes, " "));
}

std::string closed(const char* tag, const std::string& name) {
  return name.empty() ? "/>\n" : fmt::format("><title>{}</title></{}>\n", xml_text(name), tag);
}

std::string svg_of(const DrawnDisc& disc) {
  return fmt::format(R"(<circle {} cx="{:.1f}" cy="{:.1f}" r="{:g}")", paint_of(disc.paint), disc.centre.x,
                     disc.centre.y, disc.radius_px) +
         closed("circle", disc.name);
}

std::string svg_of(const DrawnLine& line) {
  if (line.points.size() == 1) return svg_of(DrawnDisc{line.points[0], line.width_px, line.paint, line.name});
  std::string points;
  for (const PlotPoint& point : line.points) points += fmt::format("{:.1f},{:.1f} ", point.x, point.y);
  points.pop_back();
  return fmt::format(R"(<polyline {} stroke-width="{:g}"{} points="{}")", paint_of(line.paint), line.width_px,
                     dashes_of(line.paint), points) +
         closed("polyline", line.name);
}

std::string svg_of(const DrawnText& text) {
  constexpr double kHalfCapital = 0.35 * kTextHeight;
  const char* anchor = text.anchor == TextAnchor::kStart    ? ""
                       : text.anchor == TextAnchor::kMiddle ? R"( text-anchor="middle")"
                                                            : R"( text-anchor="end")";
  return fmt::format("<text {}{}{} x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", paint_of(text.paint), anchor,
                     text.weight == TextWeight::kBold ? R"( font-weight="600")" : "", text.at.x,
                     text.at.y + kHalfCapital, xml_text(text.text));
}

}  // namespace

std::string chart_svg(const std::vector<LineChart>& charts, const ChartOptions& options) {
  const Drawing drawing = chart_drawing("chart_svg", charts, options);
  std::string svg = fmt::format(
      R"(<svg class="margay-chart" xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">
<title>{2}</title><style>{3}</style>
<rect class="card" width="{0}" height="{1}" rx="8"/>
)",
      drawing.width, drawing.height, xml_text(drawing.title), kStyle);
  for (const Shape& shape : drawing.shapes) {
    svg += std::visit([](const auto& each) { return svg_of(each); }, shape);
  }
  return svg + "</svg>\n";
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
