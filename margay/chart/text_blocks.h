#pragma once

#include <cstddef>
#include <string>

#include "margay/chart/line_chart.h"
#include "margay/core/options.h"

namespace margay::chart {

/// How matrices and bars are drawn in a terminal.
struct TextBlockOptions {
  int columns = 80;
  TextGlyphs glyphs = TextGlyphs::kBraille;  ///< kBraille: blocks and shades of Unicode
  TextColour colour = TextColour::kNone;

  static const core::OptionTable& fields();
};

/// A bar that fills `share` of `columns`, in eighths of a column (U+2588 … U+258F), or whole ones of '#'. The share is
/// clamped to 0 … 1; a share above 0 shows at least the thinnest bar. Without spaces behind it.
std::string block_bar(double share, int columns, TextGlyphs glyphs);

/// A character for a share, 0 … 1, the darker the larger: a space for 0 alone, then "░▒▓█" or ".:*#" for shares up to
/// 1/16, 1/4, 9/16 and beyond, so that small shares can be told apart (their roots are at equal distances).
std::string shade_block(double share, TextGlyphs glyphs);

/// The text in the colour of a series where colours are wanted.
std::string block_coloured(const std::string& text, std::size_t series, TextColour colour);

/// The text without spaces at its end, and a line break.
std::string block_line(std::string text);

/// A name on one line, cut and then padded to exactly so many columns.
std::string block_name(const std::string& name, int columns);

}  // namespace margay::chart
