#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace margay::data {

/// Threads that do the same work, all at idle priority (they run only on otherwise idle cores) or all at the priority
/// of the thread that starts them. It measures their processor time.
class WorkerTeam {
 public:
  enum class Pace { kIdle, kNormal };

  /// work: runs on each thread until its stop is requested, and calls follow_pace() now and then. Fewer threads start
  /// if the system has no more.
  WorkerTeam(int count, Pace pace, std::function<void(const std::stop_token&)> work);
  WorkerTeam(const WorkerTeam&) = delete;
  WorkerTeam& operator=(const WorkerTeam&) = delete;
  ~WorkerTeam() { request_stop(); }  // and waits for all threads

  int size() const { return static_cast<int>(threads_.size()); }
  Pace pace() const { return pace_; }
  /// Idle threads end when they next get a processor, which can take half a minute on a busy machine. Where the system
  /// lets them (root, CAP_SYS_NICE, RLIMIT_NICE), they end at normal priority.
  void request_stop();

  /// Replaces idle threads by new ones, since an ordinary user cannot raise their priority again. The old ones are
  /// asked to stop, as by request_stop().
  void replace_by_normal();
  /// Asks the threads to run at idle priority from their next follow_pace() on.
  void make_idle() { pace_ = Pace::kIdle; }
  /// Adjusts the priority of the calling thread, which must be one of the team.
  void follow_pace(bool& is_idle) const;

  /// The processor time of all its threads so far, in seconds. It never waits for a thread of idle priority.
  double cpu_s() const;
  /// Whether all threads have ended, so that destroying the team takes no waiting.
  bool has_ended() const;

 private:
  /// What tells of one thread. A thread of idle priority takes no lock: it may lose the processor for seconds, and who
  /// wants the lock would wait as long.
  struct Meter {
    clockid_t clock{};
    std::atomic<double> at_end_s = -1;  ///< its processor time when it ended
  };

  void start();
  void run(const std::stop_token& stop);
  Meter& begin_meter();

  const int count_;
  std::atomic<Pace> pace_;
  const std::function<void(const std::stop_token&)> work_;

  mutable std::mutex mutex_;  // of the list alone
  std::deque<Meter> meters_;  ///< of all threads that began

  std::vector<std::jthread> threads_;  ///< these two last, so that they end first
  std::vector<std::jthread> replaced_;
};

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
