#include <algorithm>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "margay/chart/png.h"
#include "margay/chart/render.h"
#include "margay/core/html_escape.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

/// The colours of the roles, light and dark; those of the X-ray's page.
constexpr const char* kChartStyle = R"css(
.margay-chart { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
.margay-chart .card { color: #ffffff; } .margay-chart .grid { color: #e4e7ed; }
.margay-chart .soft { color: #667084; } .margay-chart .ink { color: #1c2330; }
.margay-chart polyline { fill: none; stroke: currentColor; stroke-linejoin: round; stroke-linecap: round; }
.margay-chart circle, .margay-chart text, .margay-chart rect, .margay-chart polygon { fill: currentColor; }
@media (prefers-color-scheme: dark) {
.margay-chart .card { color: #1a1f28; } .margay-chart .grid { color: #2b323f; }
.margay-chart .soft { color: #939cae; } .margay-chart .ink { color: #e6e9f0; } }
)css";

std::string xml_text(const std::string& text) { return core::html_escaped(core::one_line(core::valid_utf8(text))); }

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
    case Role::kColour:
      break;
  }
  const Rgb colour = light_colour(paint);
  return fmt::format(R"(color="#{:02x}{:02x}{:02x}")", colour.red, colour.green, colour.blue);
}

std::string opacity_of(const Paint& paint) {
  return paint.opacity < 1 ? fmt::format(R"( fill-opacity="{:.3g}")", paint.opacity) : "";
}

std::string dashes_of(const Paint& paint) {
  const std::vector<double> dashes = paint.role == Role::kSeries ? series_dashes(paint.series) : std::vector<double>{};
  return dashes.empty() ? "" : fmt::format(R"( stroke-dasharray="{}")", core::joined(dashes, " "));
}

std::string closed(const char* tag, const std::string& name) {
  return name.empty() ? "/>\n" : fmt::format("><title>{}</title></{}>\n", xml_text(name), tag);
}

std::string points_of(const PlotRun& run) {
  std::string points;
  for (const PlotPoint& point : run)
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", point.x, point.y);
  return points;
}

std::string place_of(const PlotBox& box) {
  return fmt::format(R"(x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}")", box.left, box.top, box.width(),
                     box.height());
}

std::string svg_of(const DrawnDisc& disc) {
  return fmt::format(R"(<circle {} cx="{:.1f}" cy="{:.1f}" r="{:g}")", paint_of(disc.paint), disc.centre.x,
                     disc.centre.y, disc.radius_px) +
         closed("circle", disc.name);
}

std::string svg_of(const DrawnLine& line) {
  if (line.points.empty()) return "";
  if (line.points.size() == 1) return svg_of(DrawnDisc{line.points[0], line.width_px, line.paint, line.name});
  return fmt::format(R"(<polyline {} stroke-width="{:g}"{} points="{}")", paint_of(line.paint), line.width_px,
                     dashes_of(line.paint), points_of(line.points)) +
         closed("polyline", line.name);
}

std::string svg_of(const DrawnPolygon& polygon) {
  return fmt::format(R"(<polygon {}{} points="{}")", paint_of(polygon.paint), opacity_of(polygon.paint),
                     points_of(polygon.corners)) +
         closed("polygon", polygon.name);
}

std::string svg_of(const DrawnBox& box) {
  return fmt::format("<rect {}{} {}", paint_of(box.paint), opacity_of(box.paint), place_of(box.box)) +
         closed("rect", box.name);
}

std::string anchor_of(TextAnchor anchor) {
  if (anchor == TextAnchor::kStart) return "";
  return anchor == TextAnchor::kMiddle ? R"( text-anchor="middle")" : R"( text-anchor="end")";
}

/// The text as far as its room goes; letters keep their size.
std::string words_of(const DrawnText& text) {
  return text.room_px ? shortened(text.text, *text.room_px * kTextHeight / text.size_px) : text.text;
}

std::string svg_of(const DrawnText& text) {
  const double half_capital = 0.35 * text.size_px;
  std::string form = text.weight == TextWeight::kBold ? R"( font-weight="600")" : "";
  if (text.size_px != kTextHeight) form += fmt::format(R"( font-size="{:g}")", text.size_px);
  if (text.turn == TextTurn::kUpwards) {
    form += fmt::format(" transform=\"rotate(-90 {:.1f} {:.1f})\"", text.at.x, text.at.y);
  }
  return fmt::format("<text {}{}{} x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", paint_of(text.paint), anchor_of(text.anchor),
                     form, text.at.x, text.at.y + half_capital, xml_text(words_of(text)));
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kLetters[group >> (18 - 6 * k) & 0x3F] : '=';
  }
  return text;
}

std::string svg_of(const DrawnImage& drawn) {
  if (drawn.image.height < 1 || drawn.image.width < 1) return "";
  return fmt::format(R"(<image {} preserveAspectRatio="none" href="data:image/png;base64,{}")", place_of(drawn.box),
                     base64(encode_png(drawn.image))) +
         closed("image", drawn.name);
}

}  // namespace

std::string drawing_svg(const Drawing& drawing) {
  std::string svg = fmt::format(
      R"(<svg class="margay-chart" xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">
<title>{2}</title><style>{3}</style>
<rect class="card" width="{0}" height="{1}" rx="8"/>
)",
      drawing.width, drawing.height, xml_text(drawing.title), kChartStyle);
  for (const Shape& shape : drawing.shapes) {
    svg += std::visit([](const auto& each) { return svg_of(each); }, shape);
  }
  return svg + "</svg>\n";
}

}  // namespace margay::chart
