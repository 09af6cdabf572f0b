#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "margay/core/image.h"

namespace margay::chart {

/// A place in a drawing: x to the right, y downwards, in its units (pixels, Braille dots, cells).
struct PlotPoint {
  double x = 0;
  double y = 0;
};

/// A rectangle of a drawing; its edges belong to it.
struct PlotBox {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

/// The point of a box that is nearest to a point.
PlotPoint nearest_in(const PlotBox& box, const PlotPoint& point);

/// Points joined by straight lines; a single one is a dot.
using PlotRun = std::vector<PlotPoint>;

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;

  friend bool operator==(const Rgb&, const Rgb&) = default;
};

/// Colours that people with any colour vision can distinguish (Okabe, Ito, "Color Universal Design", 2008), without
/// yellow and black, which would be invisible on white or on black.
constexpr std::array<Rgb, 6> kSeriesColours = {{{0, 114, 178},     // blue
                                                {213, 94, 0},      // vermilion
                                                {0, 158, 115},     // bluish green
                                                {204, 121, 167},   // reddish purple
                                                {230, 159, 0},     // orange
                                                {86, 180, 233}}};  // sky blue

constexpr Rgb series_colour(std::size_t series) { return kSeriesColours[series % kSeriesColours.size()]; }

/// Alternating lengths of dash and gap in pixels; empty for a solid line. When the colours repeat, lines are dashed,
/// then dotted, then solid again.
std::vector<double> series_dashes(std::size_t series);

/// The role of a shape, which determines its colour: the background card, lines of the grid, secondary text, text and
/// marks. In an SVG these colours follow the reader's light or dark system; curves and shapes with a given colour
/// (kColour) do not change.
enum class Role { kCard, kGrid, kSoft, kInk, kSeries, kColour };

struct Paint {
  Role role = Role::kInk;
  std::size_t series = 0;  ///< of kSeries
  Rgb colour = {};         ///< of kColour
  double opacity = 1;  ///< 0 … 1, of boxes and polygons: what lies below shines through, on light cards and dark ones
};

/// The colour on a light card.
Rgb light_colour(const Paint& paint);

/// A line with round ends and corners, with the dashes of its series if it belongs to one; a single point is a dot.
struct DrawnLine {
  PlotRun points;
  Paint paint;
  double width_px = 1;
  std::string name = {};  ///< what the mouse is told
};

struct DrawnDisc {
  PlotPoint centre;
  double radius_px = 0;
  Paint paint;
  std::string name = {};
};

/// A filled polygon of three or more corners in order; the last is joined to the first.
struct DrawnPolygon {
  PlotRun corners;
  Paint paint;
  std::string name = {};
};

/// A filled rectangle.
struct DrawnBox {
  PlotBox box;
  Paint paint;
  std::string name = {};
};

enum class TextAnchor { kStart, kMiddle, kEnd };
enum class TextWeight { kNormal, kBold };
enum class TextTurn { kNone, kUpwards };  ///< kUpwards: read from below, for names of columns

constexpr double kTextHeight = 14;  ///< usual size of letters, pixels

/// One line of text in any script. `at`: the start, middle or end of the line at half the height of its capitals; a
/// turned line is turned about it.
struct DrawnText {
  PlotPoint at;
  std::string text;
  TextAnchor anchor = TextAnchor::kStart;
  Paint paint;
  TextWeight weight = TextWeight::kNormal;
  std::optional<double> room_px = {};  ///< wider text is written smaller, then shortened in its middle
  double size_px = kTextHeight;        ///< of its letters
  TextTurn turn = TextTurn::kNone;
};

/// An image scaled into a box.
struct DrawnImage {
  core::Image image;
  PlotBox box;
  std::string name = {};
};

using Shape = std::variant<DrawnLine, DrawnDisc, DrawnPolygon, DrawnBox, DrawnText, DrawnImage>;

/// Shapes on a card, in pixels; later ones cover earlier ones. drawing_image makes pixels of it, drawing_svg an SVG
/// document.
struct Drawing {
  int width = 0;
  int height = 0;
  std::string title;  ///< describes the drawing in words
  std::vector<Shape> shapes;
};

/// The room to reserve for a line of text at the usual size, in pixels, since the fonts of a machine or browser are
/// unknown: at least its width in DejaVu Sans, which is wide.
double text_width_px(const std::string& text);

/// The text; if text_width_px says that it needs more room, its end is replaced by "…".
std::string shortened(const std::string& text, double room_px);

}  // namespace margay::chart
