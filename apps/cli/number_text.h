#pragma once

#include <cmath>
#include <string>

#include <fmt/format.h>

namespace margay::cli {

/// With so many digits behind the point; from a million on, where a training has diverged, in scientific notation.
inline std::string number_text(double number, int digits) {
  return std::abs(number) < 1e6 ? fmt::format("{:.{}f}", number, digits) : fmt::format("{:.{}e}", number, digits);
}

}  // namespace margay::cli
