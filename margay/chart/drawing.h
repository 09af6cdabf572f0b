#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "margay/chart/plot_frame.h"

namespace margay::chart {

/// What a shape is for decides its colour: the card everything lies on, lines of the grid, words of less weight, words
/// and marks, or a curve.
enum class Role { kCard, kGrid, kSoft, kInk, kSeries };

struct Paint {
  Role role = Role::kInk;
  std::size_t series = 0;  ///< of kSeries
};

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

enum class TextAnchor { kStart, kMiddle, kEnd };
enum class TextWeight { kNormal, kBold };

/// One line of text. `at`: the start, middle or end of the line at half the height of its capitals.
struct DrawnText {
  PlotPoint at;
  std::string text;
  TextAnchor anchor = TextAnchor::kStart;
  Paint paint;
  TextWeight weight = TextWeight::kNormal;
};

using Shape = std::variant<DrawnLine, DrawnDisc, DrawnText>;

/// Shapes on a card, the first ones lowest; pixels. Both images of a chart are painted from it.
struct Drawing {
  int width = 0;
  int height = 0;
  std::string title;  ///< what the image shows, in words
  std::vector<Shape> shapes;
};

constexpr double kTextHeight = 14;  ///< size of the letters, pixels

/// Room for a line of text at that size, pixels: at least what the font of the PNG needs, whose letters are wide.
double text_width_px(const std::string& text);

}  // namespace margay::chart
