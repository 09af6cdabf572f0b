#include "margay/interpret/number_text.h"

#include <cmath>

#include <fmt/format.h>

namespace margay::interpret {
namespace {

constexpr double kSmallestShown = 0.00005;  // rounds to 0.0001
constexpr double kLargestShown = 1e6;

bool fits_four_digits(double number) {
  const double size = std::abs(number);
  return size == 0 || std::isinf(size) || (size >= kSmallestShown && size < kLargestShown);
}

}  // namespace

std::string number_text(double number) {
  return fits_four_digits(number) ? fmt::format("{:.4f}", number + 0.0) : fmt::format("{:.1e}", number);
}

std::string signed_text(double number) {
  if (std::abs(number) < 1e-15) return "0.0000";
  return fits_four_digits(number) ? fmt::format("{:+.4f}", number) : fmt::format("{:+.1e}", number);
}

std::string percent_text(double share) {
  const double percent = share * 100;
  return percent > 0 && percent < 0.95 ? fmt::format("{:.1f} %", percent) : fmt::format("{:.0f} %", percent);
}

}  // namespace margay::interpret
