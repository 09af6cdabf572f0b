#pragma once

#include <array>
#include <utility>

namespace margay::data {

/// Where presized images are kept between epochs.
enum class CacheKind { kOff, kRam, kDisk };

constexpr auto names(CacheKind /*tag*/) {
  return std::array{std::pair{CacheKind::kOff, "off"}, std::pair{CacheKind::kRam, "ram"},
                    std::pair{CacheKind::kDisk, "disk"}};
}

}  // namespace margay::data
