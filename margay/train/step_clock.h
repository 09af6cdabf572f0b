#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace margay::train {

/// What a training step consists of. On a GPU, which works behind the program's back, forward also holds what was left
/// over from before: there the program waits for the loss.
enum class StepPart { kForward, kBackward, kUpdate, kCallbacks };

/// Seconds that each part of the training steps took.
class StepClock {
 public:
  /// A part begins here.
  void start() { since_ = Clock::now(); }
  /// Adds what has passed since start() or the last lap().
  void lap(StepPart part) {
    const Clock::time_point now = Clock::now();
    seconds_[static_cast<std::size_t>(part)] += std::chrono::duration<double>(now - since_).count();
    since_ = now;
  }
  double seconds(StepPart part) const { return seconds_[static_cast<std::size_t>(part)]; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point since_ = Clock::now();
  std::array<double, 4> seconds_ = {};
};

}  // namespace margay::train
