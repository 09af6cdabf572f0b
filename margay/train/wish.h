#pragma once

#include <array>
#include <cstddef>

namespace margay::train {

/// What one of several processes may want all of them to do at the end of a step. Wishes travel with the losses of the
/// step, so that they cost no message of their own.
enum class Wish { kStop, kCheckpoint };

inline constexpr std::size_t kWishes = 2;

/// Which of them are there.
using Wishes = std::array<bool, kWishes>;

}  // namespace margay::train
