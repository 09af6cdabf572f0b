#include "margay/chart/drawing.h"

#include <string_view>

#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr double kNarrow = 5.5;
constexpr double kUsual = 10;
constexpr double kWide = 14.5;

double width_of(char c) {
  constexpr std::string_view kNarrowOnes = "ijl.,:;'|!";
  constexpr std::string_view kWideOnes = "mwMW@%";
  if (kNarrowOnes.find(c) != std::string_view::npos) return kNarrow;
  return kWideOnes.find(c) != std::string_view::npos ? kWide : kUsual;
}

}  // namespace

double text_width_px(const std::string& text) {
  double width = 0;
  std::string others;  // beyond ASCII, where only the number of columns is known
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80) {
      width += width_of(c);
    } else {
      others += c;
    }
  }
  return width + kUsual * static_cast<double>(core::text_width(others));
}

}  // namespace margay::chart
