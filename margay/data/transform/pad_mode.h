#pragma once

#include <array>
#include <utility>

namespace margay::data {

/// What lies outside an image: black, its border pixels going on, or its mirror image.
enum class PadMode { kZeros, kBorder, kReflection };

constexpr auto names(PadMode) {
  return std::array{std::pair{PadMode::kZeros, "zeros"}, std::pair{PadMode::kBorder, "border"},
                    std::pair{PadMode::kReflection, "reflection"}};
}

}  // namespace margay::data
