#pragma once

#include <algorithm>
#include <cstdint>

namespace margay::model {

/// The nearest multiple of 8, at least 8 and not more than a tenth below: how Google's networks scale their widths.
inline std::int64_t round_channels(double channels) {
  constexpr std::int64_t kStep = 8;
  const std::int64_t nearest = static_cast<std::int64_t>(channels + kStep / 2.0) / kStep * kStep;
  const std::int64_t rounded = std::max(kStep, nearest);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + kStep : rounded;
}

}  // namespace margay::model
