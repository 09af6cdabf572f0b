#pragma once

#include <cstddef>
#include <vector>

#include "margay/interpret/sigmoid_xray.h"
#include "margay/interpret/softmax_xray.h"

namespace margay::interpret {

/// Whether an image of a row may leave classes out.
enum class Extent { kShort, kAll };

/// Up to this many classes are all shown, in their order.
inline constexpr std::size_t kMostShown = 12;

/// Which classes of a row are shown, by index. All in their order for Extent::kAll and up to kMostShown classes;
/// otherwise kMostShown of them, the most probable first, and always the target.
std::vector<std::size_t> shown_classes(const SoftmaxRow& row, Extent extent);

/// The same, the classes that cost most first; without a target the most probable.
std::vector<std::size_t> shown_classes(const SigmoidRow& row, Extent extent);

/// Those of 0 … count-1 that `shown` leaves out, in their order.
std::vector<std::size_t> hidden_classes(std::size_t count, const std::vector<std::size_t>& shown);

}  // namespace margay::interpret
