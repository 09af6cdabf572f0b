#include "margay/chart/tick_labels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace margay::chart {
namespace {

constexpr double kLargestWhole = 1e7;
constexpr double kSmallestFixed = 0.01 * (1 - 1e-9);
constexpr double kLargestFixed = 1e6;
constexpr int kMostDecimals = 4;
constexpr int kDigits = 3;

/// "1.20" becomes "1.2", "3.00" becomes "3".
std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// "1.2e-5": an exponent without plus or leading zero.
std::string with_exponent(double number, int decimals) {
  const std::string text = fmt::format("{:.{}e}", number, decimals);
  const std::size_t e = text.find('e');
  return fmt::format("{}e{}", text.substr(0, e), std::atoi(text.c_str() + e + 1));
}

std::string without_zeros_before_exponent(const std::string& text) {
  const std::size_t e = text.find('e');
  return without_trailing_zeros(text.substr(0, e)) + text.substr(e);
}

int exponent_of(double number) { return static_cast<int>(std::floor(std::log10(std::abs(number)))); }

}  // namespace

std::string short_number(double number) {
  if (!std::isfinite(number)) return fmt::format("{}", number);
  if (number == 0) return "0";
  if (std::abs(number) < kLargestWhole && number == std::round(number)) return fmt::format("{:.0f}", number);
  if (std::abs(number) >= kLargestWhole || std::abs(number) < kSmallestFixed) {
    return without_zeros_before_exponent(with_exponent(number, kDigits - 1));
  }
  return without_trailing_zeros(fmt::format("{:.{}f}", number, std::max(0, kDigits - 1 - exponent_of(number))));
}

double TickStep::times(double k) const {
  const double whole = k * mantissa;
  return exponent < 0 ? whole / std::pow(10, -exponent) : whole * std::pow(10, exponent);
}

std::string tick_label(double value, const TickStep& step, double largest) {
  if (value == 0) return "0";
  const int decimals = std::max(0, -step.exponent);
  if (largest < kLargestFixed && decimals <= kMostDecimals) return fmt::format("{:.{}f}", value, decimals);
  return without_zeros_before_exponent(with_exponent(value, std::clamp(exponent_of(value) - step.exponent, 0, 15)));
}

}  // namespace margay::chart
