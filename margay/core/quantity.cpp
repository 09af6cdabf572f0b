#include "margay/core/quantity.h"

#include <fmt/format.h>

namespace margay::core {
namespace {

/// Two digits at least.
std::string in_unit(double number, const char* unit) {
  return number < 9.95 ? fmt::format("{:.1f} {}", number, unit) : fmt::format("{:.0f} {}", number, unit);
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  const auto amount = static_cast<double>(bytes);
  if (amount < 1e3) return bytes == 1 ? "1 byte" : fmt::format("{} bytes", bytes);
  if (amount < 999.5e3) return in_unit(amount / 1e3, "kB");
  if (amount < 999.5e6) return in_unit(amount / 1e6, "MB");
  return fmt::format("{:.1f} GB", amount / 1e9);
}

std::string duration_text(double seconds) {
  if (seconds < 59.5) return in_unit(seconds, "seconds");
  const double minutes = seconds / 60;
  return minutes < 120 ? fmt::format("{:.1f} minutes", minutes) : fmt::format("{:.1f} hours", minutes / 60);
}

}  // namespace margay::core
