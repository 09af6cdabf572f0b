#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace margay::data {

/// The measurements of a consumer of loading threads over some time, in seconds.
struct LoadingTime {
  double wall_s = 0;    ///< all of it
  double waited_s = 0;  ///< the part of it spent waiting for the threads
  double owed_s = 0;    ///< processor time that the threads would have had while waiting on a quiet machine
  double got_s = 0;     ///< processor time that they actually had
};

/// Decides from recent measurements whether loading threads of idle priority starve next to other programs. If training
/// waits less than a tenth of the time, no priority could gain more than that. If the threads get their share of the
/// processors, they are slow by themselves, and normal priority would only disturb the training.
class StarvationWatch {
 public:
  /// Adds a measurement. Returns whether the threads starve, and then forgets all measurements.
  bool add(const LoadingTime& stretch);

 private:
  LoadingTime lately_;
};

/// The time until which the threads of a loader's passes run at normal priority. Safe to use from several threads.
class NormalTerm {
 public:
  using Clock = std::chrono::steady_clock;

  /// Begins a minute of normal priority.
  void begin(Clock::time_point now = Clock::now());
  bool is_running(Clock::time_point now = Clock::now()) const { return now < until_.load(); }

 private:
  std::atomic<Clock::time_point> until_ = Clock::time_point::min();
};

}  // namespace margay::data
