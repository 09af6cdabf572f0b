#include "margay/chart/text_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "margay/chart/text_canvas.h"
#include "margay/core/text.h"

namespace margay::chart {

std::string block_bar(double share, int columns, TextGlyphs glyphs) {
  constexpr std::array kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(share > 0) || columns < 1) return "";
  const double length = std::min(share, 1.0) * columns;
  if (glyphs == TextGlyphs::kAscii) {
    return std::string(static_cast<std::size_t>(std::max(1L, std::lround(length))), '#');
  }
  const long eighths = std::max(1L, std::lround(8 * length));
  std::string bar;
  for (long i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[static_cast<std::size_t>(eighths % 8)];
}

std::string shade_block(double share, TextGlyphs glyphs) {
  constexpr std::array kShades = {"░", "▒", "▓", "█"};
  constexpr std::array kLetters = {".", ":", "*", "#"};
  if (!(share > 0)) return " ";
  const double level = std::ceil(4 * std::sqrt(std::min(share, 1.0))) - 1;
  const auto index = static_cast<std::size_t>(std::clamp(level, 0.0, 3.0));
  return glyphs == TextGlyphs::kAscii ? kLetters[index] : kShades[index];
}

std::string block_coloured(const std::string& text, std::size_t series, TextColour colour) {
  return colour == TextColour::kAnsi ? ansi_coloured(text, series) : text;
}

std::string block_line(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string block_name(const std::string& name, int columns) {
  const auto room = static_cast<std::size_t>(std::max(1, columns));
  return core::padded(core::fitted(core::one_line(core::valid_utf8(name)), room), room);
}

const core::OptionTable& TextBlockOptions::fields() {
  using O = TextBlockOptions;
  static const core::OptionTable table(
      "text_blocks", {core::field<&O::columns>("columns", "width, characters", {20, 1000}),
                      core::field<&O::glyphs>("glyphs", "what areas are made of: braille (blocks), ascii"),
                      core::field<&O::colour>("colour", "colours: none, ansi")});
  return table;
}

}  // namespace margay::chart
