#pragma once

#include <atomic>
#include <ctime>
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
  ~WorkerTeam() = default;  // requests the stop of all, and waits for them

  int size() const { return static_cast<int>(threads_.size()); }
  Pace pace() const { return pace_; }
  void request_stop();

  /// Replaces idle threads by new ones, since an ordinary user cannot raise their priority again. The old ones are
  /// asked to stop, and end when they next get the processor.
  void replace_by_normal();
  /// Asks the threads to run at idle priority from their next follow_pace() on.
  void make_idle() { pace_ = Pace::kIdle; }
  /// Adjusts the priority of the calling thread, which must be one of the team.
  void follow_pace(bool& is_idle) const;

  /// The processor time of all its threads so far, in seconds.
  double cpu_s() const;

 private:
  void start();
  void run(const std::stop_token& stop);

  const int count_;
  std::atomic<Pace> pace_;
  const std::function<void(const std::stop_token&)> work_;

  mutable std::mutex mutex_;       // of the two below
  std::vector<clockid_t> clocks_;  ///< of the threads that run
  double ended_cpu_s_ = 0;         ///< of those that ended

  std::vector<std::jthread> threads_;  ///< these two last, so that they end first
  std::vector<std::jthread> replaced_;
};

}  // namespace margay::data
