#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <pango/pangocairo.h>

#include "margay/chart/render.h"
#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

struct FreeCairo {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct FreePango {
  void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
  void operator()(PangoContext* context) const { g_object_unref(context); }
  void operator()(PangoLayout* layout) const { g_object_unref(layout); }
};
using Surface = std::unique_ptr<cairo_surface_t, FreeCairo>;
using Cairo = std::unique_ptr<cairo_t, FreeCairo>;
using Context = std::unique_ptr<PangoContext, FreePango>;
using Layout = std::unique_ptr<PangoLayout, FreePango>;
using Font = std::unique_ptr<PangoFontDescription, FreePango>;

constexpr int kLargestSide = 32767;       // of an image of Cairo's, pixels
constexpr double kSmallestLetters = 0.7;  // as a share of the usual ones, before a text is cut

Context text_context() {
  Context context(pango_font_map_create_context(pango_cairo_font_map_get_default()));
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);  // coloured edges would belong to one kind of screen
  pango_cairo_context_set_font_options(context.get(), options);
  cairo_font_options_destroy(options);
  return context;
}

void set_font(PangoLayout* layout, TextWeight weight, double size_px) {
  const Font font(pango_font_description_new());
  pango_font_description_set_family_static(font.get(), "sans-serif");
  pango_font_description_set_weight(font.get(), weight == TextWeight::kBold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_absolute_size(font.get(), size_px * PANGO_SCALE);
  pango_layout_set_font_description(layout, font.get());
}

double width_px(PangoLayout* layout) {
  PangoRectangle box;
  pango_layout_get_extents(layout, nullptr, &box);
  return static_cast<double>(box.width) / PANGO_SCALE;
}

/// One line of text, set in letters that fit into its room.
struct SetText {
  Layout layout;
  double size_px;

  SetText(PangoContext* context, const DrawnText& text) : layout(pango_layout_new(context)), size_px(text.size_px) {
    const std::string line = core::one_line(core::valid_utf8(text.text));
    pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
    pango_layout_set_text(layout.get(), line.c_str(), static_cast<int>(line.size()));
    set_font(layout.get(), text.weight, size_px);
    if (text.room_px) fit(text.weight, *text.room_px);
  }

  void fit(TextWeight weight, double room_px) {
    const double width = width_px(layout.get());
    if (width <= room_px) return;
    size_px *= std::max(kSmallestLetters, room_px / width);
    set_font(layout.get(), weight, size_px);
    if (width_px(layout.get()) <= room_px) return;
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_MIDDLE);
    pango_layout_set_width(layout.get(), static_cast<int>(std::max(0.0, room_px) * PANGO_SCALE));
  }
};

/// Paints shapes onto a part of the drawing.
class Painter {
 public:
  Painter(cairo_surface_t* surface, PangoContext* context, int left, int top)
      : cairo_(cairo_create(surface)), context_(context) {
    cairo_translate(cairo_.get(), -left, -top);
    cairo_set_line_cap(cairo_.get(), CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(cairo_.get(), CAIRO_LINE_JOIN_ROUND);
    use({Role::kCard});
    cairo_paint(cairo_.get());
  }

  void operator()(const DrawnLine& line) {
    if (line.points.empty()) return;
    if (line.points.size() == 1) return (*this)(DrawnDisc{line.points[0], line.width_px, line.paint});
    const std::vector<double> dashes =
        line.paint.role == Role::kSeries ? series_dashes(line.paint.series) : std::vector<double>{};
    use(line.paint);
    cairo_set_line_width(cairo_.get(), line.width_px);
    cairo_set_dash(cairo_.get(), dashes.data(), static_cast<int>(dashes.size()), 0);
    trace(line.points);
    cairo_stroke(cairo_.get());
  }

  void operator()(const DrawnDisc& disc) {
    use(disc.paint);
    cairo_arc(cairo_.get(), disc.centre.x, disc.centre.y, disc.radius_px, 0, 2 * G_PI);
    cairo_fill(cairo_.get());
  }

  void operator()(const DrawnPolygon& polygon) {
    use(polygon.paint);
    trace(polygon.corners);
    cairo_fill(cairo_.get());
  }

  void operator()(const DrawnBox& box) {
    use(box.paint);
    cairo_rectangle(cairo_.get(), box.box.left, box.box.top, box.box.width(), box.box.height());
    cairo_fill(cairo_.get());
  }

  void operator()(const DrawnText& text) {
    const SetText set(context_, text);
    PangoRectangle box;
    pango_layout_get_extents(set.layout.get(), nullptr, &box);
    const double width = static_cast<double>(box.width) / PANGO_SCALE;
    const double back = text.anchor == TextAnchor::kStart ? 0 : text.anchor == TextAnchor::kMiddle ? width / 2 : width;
    const double half_capital = 0.35 * set.size_px;
    const double baseline = static_cast<double>(pango_layout_get_baseline(set.layout.get())) / PANGO_SCALE;
    use(text.paint);
    cairo_save(cairo_.get());
    cairo_translate(cairo_.get(), text.at.x, text.at.y);
    if (text.turn == TextTurn::kUpwards) cairo_rotate(cairo_.get(), -G_PI / 2);
    const PlotPoint whole = {std::round(text.at.x - back - static_cast<double>(box.x) / PANGO_SCALE),
                             std::round(text.at.y + half_capital)};  // letters that begin within a pixel are blurred
    cairo_move_to(cairo_.get(), whole.x - text.at.x, whole.y - text.at.y - baseline);
    pango_cairo_show_layout(cairo_.get(), set.layout.get());
    cairo_restore(cairo_.get());
  }

  void operator()(const DrawnImage& drawn) {
    const core::Image& image = drawn.image;
    if (image.height < 1 || image.width < 1) return;
    if (std::max(image.height, image.width) > kLargestSide) {
      throw std::invalid_argument(fmt::format("[drawing_image] an image in it may have sides of {} pixels, got {}x{}",
                                              kLargestSide, image.width, image.height));
    }
    const Surface pixels(cairo_image_surface_create(CAIRO_FORMAT_RGB24, image.width, image.height));
    fill(image, pixels.get());
    cairo_save(cairo_.get());
    cairo_rectangle(cairo_.get(), drawn.box.left, drawn.box.top, drawn.box.width(), drawn.box.height());
    cairo_clip(cairo_.get());
    cairo_translate(cairo_.get(), drawn.box.left, drawn.box.top);
    cairo_scale(cairo_.get(), drawn.box.width() / image.width, drawn.box.height() / image.height);
    cairo_set_source_surface(cairo_.get(), pixels.get(), 0, 0);
    cairo_pattern_set_extend(cairo_get_source(cairo_.get()), CAIRO_EXTEND_PAD);  // no edge mixes with what is beyond it
    cairo_paint(cairo_.get());
    cairo_restore(cairo_.get());
  }

  cairo_status_t status() const { return cairo_status(cairo_.get()); }

 private:
  /// For the next shape, which must not go on from where the one before it ended.
  void use(const Paint& paint) {
    cairo_new_path(cairo_.get());
    const Rgb colour = light_colour(paint);
    cairo_set_source_rgba(cairo_.get(), colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0, paint.opacity);
  }

  void trace(const PlotRun& points) {
    for (const PlotPoint& point : points) cairo_line_to(cairo_.get(), point.x, point.y);
  }

  static void fill(const core::Image& image, cairo_surface_t* surface) {
    for (int y = 0; y < image.height; ++y) {
      const std::uint8_t* from = image.row(y);
      auto* to = reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(surface) +
                                                  std::ptrdiff_t{y} * cairo_image_surface_get_stride(surface));
      for (int x = 0; x < image.width; ++x, from += 3) {
        to[x] = std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2];
      }
    }
    cairo_surface_mark_dirty(surface);
  }

  Cairo cairo_;
  PangoContext* context_;
};

/// Copies what was painted to its place in the image.
void take(cairo_surface_t* surface, int left, int top, core::Image& image) {
  cairo_surface_flush(surface);
  for (int y = 0; y < cairo_image_surface_get_height(surface); ++y) {
    const auto* from = reinterpret_cast<const std::uint32_t*>(
        cairo_image_surface_get_data(surface) + std::ptrdiff_t{y} * cairo_image_surface_get_stride(surface));
    std::uint8_t* to = image.row(top + y) + std::ptrdiff_t{3} * left;
    for (int x = 0; x < cairo_image_surface_get_width(surface); ++x, to += 3) {
      to[0] = static_cast<std::uint8_t>(from[x] >> 16);
      to[1] = static_cast<std::uint8_t>(from[x] >> 8);
      to[2] = static_cast<std::uint8_t>(from[x]);
    }
  }
}

constexpr int kLargestPart = 4096;  // is painted at once, pixels a side

void paint_part(const Drawing& drawing, PangoContext* context, int left, int top, core::Image& image) {
  const Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, std::min(kLargestPart, image.width - left),
                                                   std::min(kLargestPart, image.height - top)));
  Painter painter(surface.get(), context, left, top);
  for (const Shape& shape : drawing.shapes) std::visit(painter, shape);
  MARGAY_CHECK(painter.status() == CAIRO_STATUS_SUCCESS,
               std::string("Cairo cannot draw: ") + cairo_status_to_string(painter.status()));
  take(surface.get(), left, top, image);
}

/// The first letter that no font has, in UTF-8.
std::string unknown_letter(PangoContext* context, const std::string& text) {
  for (const char* at = text.c_str(); *at != '\0'; at = g_utf8_next_char(at)) {
    const std::string letter(at, static_cast<const char*>(g_utf8_next_char(at)));
    const SetText set(context, {.text = letter});
    if (pango_layout_get_unknown_glyphs_count(set.layout.get()) > 0) return letter;
  }
  return text;  // known one by one, but not as they stand together
}

}  // namespace

core::Image drawing_image(const Drawing& drawing) {
  if (drawing.height < 1 || drawing.width < 1) throw std::invalid_argument("[drawing_image] the drawing has no pixels");
  core::Image image(drawing.height, drawing.width);
  const Context context = text_context();
  for (int top = 0; top < image.height; top += kLargestPart) {
    for (int left = 0; left < image.width; left += kLargestPart) paint_part(drawing, context.get(), left, top, image);
  }
  return image;
}

std::string font_warning(const Drawing& drawing) {
  const Context context = text_context();
  std::string first;
  int lines = 0;
  for (const Shape& shape : drawing.shapes) {
    const auto* text = std::get_if<DrawnText>(&shape);
    if (text == nullptr) continue;
    const SetText set(context.get(), {.text = text->text});
    if (pango_layout_get_unknown_glyphs_count(set.layout.get()) == 0) continue;
    if (lines++ == 0) first = core::one_line(core::valid_utf8(text->text));
  }
  if (lines == 0) return "";
  return fmt::format(
      "no font of this machine has '{}' of the label '{}'{}; Debian's packages fonts-dejavu-core and "
      "fonts-wqy-microhei "
      "have the letters of most languages, fonts-noto-core those of the others",
      unknown_letter(context.get(), first), first, lines == 1 ? "" : fmt::format(" ({} labels are concerned)", lines));
}

}  // namespace margay::chart
