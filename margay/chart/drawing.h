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

/// The place nearest to a point within a box.
PlotPoint nearest_in(const PlotBox& box, const PlotPoint& point);

/// Points joined by straight lines; a single one is a dot.
using PlotRun = std::vector<PlotPoint>;

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;

  friend bool operator==(const Rgb&, const Rgb&) = default;
};

/// Colours that people of every colour vision tell apart (Okabe, Ito, "Color Universal Design", 2008), without the
/// yellow and the black that would vanish on white or on black.
constexpr std::array<Rgb, 6> kSeriesColours = {{{0, 114, 178},     // blue
                                                {213, 94, 0},      // vermilion
                                                {0, 158, 115},     // bluish green
                                                {204, 121, 167},   // reddish purple
                                                {230, 159, 0},     // orange
                                                {86, 180, 233}}};  // sky blue

constexpr Rgb series_colour(std::size_t series) { return kSeriesColours[series % kSeriesColours.size()]; }

/// Lengths of line and gap in turn, pixels; the colours' second round is dashed, their third dotted, then solid again.
/// Empty for a solid line.
std::vector<double> series_dashes(std::size_t series);

/// What a shape is for decides its colour, which in an SVG follows the reader's light or dark system: the card
/// everything lies on, lines of the grid, words of less weight, words and marks. Curves, and shapes that have a colour
/// of their own, keep it.
enum class Role { kCard, kGrid, kSoft, kInk, kSeries, kColour };

struct Paint {
  Role role = Role::kInk;
  std::size_t series = 0;  ///< of kSeries
  Rgb colour = {};         ///< of kColour
};

/// The colour on a light card.
Rgb light_colour(const Paint& paint);

/// A line with round ends and corners; a single point is a dot. In the dashes of its series, if it is one.
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

/// A filled polygon: three corners or more, joined in their order, the last to the first.
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

constexpr double kTextHeight = 14;  ///< usual size of letters, pixels

/// One line of text in any script. `at`: the start, middle or end of the line at half the height of its capitals.
struct DrawnText {
  PlotPoint at;
  std::string text;
  TextAnchor anchor = TextAnchor::kStart;
  Paint paint;
  TextWeight weight = TextWeight::kNormal;
  std::optional<double> room_px = {};  ///< what is wider is written smaller, then cut in its middle
};

/// An image scaled into a box.
struct DrawnImage {
  core::Image image;
  PlotBox box;
  std::string name = {};
};

using Shape = std::variant<DrawnLine, DrawnDisc, DrawnPolygon, DrawnBox, DrawnText, DrawnImage>;

/// Shapes on a card, the first ones lowest; pixels. PNG (drawing_image) and SVG (drawing_svg) are made from it.
struct Drawing {
  int width = 0;
  int height = 0;
  std::string title;  ///< what it shows, in words
  std::vector<Shape> shapes;
};

/// Room to plan for a line of text at the usual size, pixels, whatever fonts a machine or a browser has: at least what
/// it takes in DejaVu Sans, which is wide.
double text_width_px(const std::string& text);

/// The text, its end replaced by "…" where it would need more room than that by text_width_px.
std::string shortened(const std::string& text, double room_px);

}  // namespace margay::chart
