#include "margay/chart/drawing.h"

#include <algorithm>
#include <string_view>

#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr double kNarrowLetter = 5.5;
constexpr double kUsualLetter = 10;
constexpr double kWideLetter = 14.5;

/// letter: one code point in UTF-8, or what is no UTF-8.
double letter_width(std::string_view letter) {
  constexpr std::string_view kNarrowOnes = "ijl.,:;'|!";
  constexpr std::string_view kWideOnes = "mwMW@%";
  if (letter.size() > 1) {
    const std::size_t columns = core::text_width(letter);
    return columns == 0 ? 0 : columns == 1 ? kUsualLetter : kWideLetter;
  }
  if (kNarrowOnes.find(letter) != std::string_view::npos) return kNarrowLetter;
  return kWideOnes.find(letter) != std::string_view::npos ? kWideLetter : kUsualLetter;
}

bool continues_letter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::size_t letter_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < text.size() && continues_letter(text[end])) ++end;
  return end;
}

}  // namespace

PlotPoint nearest_in(const PlotBox& box, const PlotPoint& point) {
  return {std::clamp(point.x, box.left, box.right), std::clamp(point.y, box.top, box.bottom)};
}

std::vector<double> series_dashes(std::size_t series) {
  switch (series / kSeriesColours.size() % 3) {
    case 1:
      return {8, 5};
    case 2:
      return {2, 4};
    default:
      return {};
  }
}

Rgb light_colour(const Paint& paint) {
  switch (paint.role) {
    case Role::kCard:
      return {255, 255, 255};
    case Role::kGrid:
      return {228, 231, 237};
    case Role::kSoft:
      return {102, 112, 132};
    case Role::kInk:
      return {28, 35, 48};
    case Role::kColour:
      return paint.colour;
    case Role::kSeries:
      break;
  }
  return series_colour(paint.series);
}

double text_width_px(const std::string& text) {
  double width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = letter_end(text, at);
    width += letter_width(std::string_view(text).substr(at, end - at));
    at = end;
  }
  return width;
}

std::string shortened(const std::string& text, double room_px) {
  if (text_width_px(text) <= room_px) return text;
  double width = kUsualLetter;  // of the ellipsis
  std::size_t kept = 0;
  while (kept < text.size()) {
    const std::size_t end = letter_end(text, kept);
    width += letter_width(std::string_view(text).substr(kept, end - kept));
    if (width > room_px) break;
    kept = end;
  }
  return text.substr(0, kept) + "…";
}

}  // namespace margay::chart
