#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace margay::chart {

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
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
inline std::vector<double> series_dashes(std::size_t series) {
  switch (series / kSeriesColours.size() % 3) {
    case 1:
      return {8, 5};
    case 2:
      return {2, 4};
    default:
      return {};
  }
}

/// The text in the colour of a series, for a terminal of 24-bit colours (ECMA-48, SGR 38;2).
inline std::string ansi_coloured(const std::string& text, std::size_t series) {
  const Rgb colour = series_colour(series);
  return fmt::format("\x1b[38;2;{};{};{}m{}\x1b[0m", colour.red, colour.green, colour.blue, text);
}

}  // namespace margay::chart
