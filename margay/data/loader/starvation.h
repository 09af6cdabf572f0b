#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace margay::data {

/// What a consumer of loading threads has seen in some stretch of time, seconds.
struct LoadingTime {
  double wall_s = 0;    ///< all of it
  double waited_s = 0;  ///< of it, how long it waited for the threads
  double owed_s = 0;    ///< processor time that the threads would have had in that wait, if nobody else wanted it
  double got_s = 0;     ///< processor time that they had
};

/// Tells from what was seen lately whether loading threads of idle priority starve beside other programs. If training
/// waits less than a tenth of the time, no priority could make it faster by more. If the threads get what they are
/// owed, they are slow by themselves, and normal priority would only disturb the training.
class StarvationWatch {
 public:
  /// Adds a stretch. Returns whether the threads starve; then it has forgotten all.
  bool add(const LoadingTime& stretch);

 private:
  LoadingTime lately_;
};

/// Until when the threads of a loader's passes run at normal priority. Safe to use from several threads.
class NormalTerm {
 public:
  using Clock = std::chrono::steady_clock;

  /// From now on for a minute.
  void begin(Clock::time_point now = Clock::now());
  bool is_running(Clock::time_point now = Clock::now()) const { return now < until_.load(); }

 private:
  std::atomic<Clock::time_point> until_ = Clock::time_point::min();
};

}  // namespace margay::data
