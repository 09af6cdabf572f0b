#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/interpret/chart/line_chart.h"

namespace margay::interpret {

/// What lines are made of in a terminal.
enum class TextGlyphs {
  kBraille,  ///< dots, 2x4 to a character; several curves without colours are of one character each, as they must
             ///< differ
  kAscii     ///< characters that every terminal and log has
};

constexpr auto names(TextGlyphs) {
  return std::array{std::pair{TextGlyphs::kBraille, "braille"}, std::pair{TextGlyphs::kAscii, "ascii"}};
}

enum class TextColour {
  kNone,
  kAnsi  ///< 24-bit colours (ECMA-48, SGR 38;2)
};

constexpr auto names(TextColour) {
  return std::array{std::pair{TextColour::kNone, "none"}, std::pair{TextColour::kAnsi, "ansi"}};
}

struct TextChartOptions {
  int columns = 80;
  int rows = 20;
  TextGlyphs glyphs = TextGlyphs::kBraille;
  TextColour colour = TextColour::kNone;

  static const core::OptionTable& fields();
};

/// The chart for a terminal, at most `columns` wide unless a title or a name is wider: title, legend, curves in a frame
/// with ticks, labels. Marks are the letters a, b, c, … with their names in the legend. Lines end with a line break and
/// never with a space; the text is UTF-8, with kAscii only names may bring other letters. Without anything to draw the
/// frame says "no data". Throws std::invalid_argument for a wrong chart (check_chart) and for options out of range.
std::string chart_text(const LineChart& chart, const TextChartOptions& options = {});

/// Several charts below each other, an empty line between them. Throws std::invalid_argument also without any.
std::string chart_text(const std::vector<LineChart>& charts, const TextChartOptions& options = {});

}  // namespace margay::interpret
