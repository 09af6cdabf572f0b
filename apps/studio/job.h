#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace margay::studio {

/// A long piece of work on a thread of its own, one at a time: what a page starts, watches and stops. Its thread, and
/// those that it starts, have a nice value that leaves the processors to the page (kNice).
class Job {
 public:
  enum class Phase { kIdle, kRunning, kDone, kStopped, kFailed };
  struct State {
    Phase phase = Phase::kIdle;
    std::int64_t done = 0;  ///< of `total`, units of the work; 0 of 0 where that is not known
    std::int64_t total = 0;
    std::string problem;  ///< of kFailed

    /// "idle", "running", "done", "stopped", "failed".
    const char* name() const;
  };

  static constexpr int kNice = 5;

  /// How the work tells where it is.
  class Progress {
   public:
    /// Throws core::Interrupted when the job is to stop.
    void operator()(std::int64_t done, std::int64_t total) const;
    bool is_stop_wanted() const { return job_.is_stop_wanted_; }

   private:
    friend class Job;
    explicit Progress(Job& job) : job_(job) {}
    Job& job_;
  };
  using Work = std::function<void(const Progress& progress)>;

  /// on_change: called when the phase changes, and at most ten times a second while it progresses; on the job's thread.
  explicit Job(std::function<void()> on_change = {}) : on_change_(std::move(on_change)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  /// Stops the work and waits for its end.
  ~Job();

  /// False, without taking the work, while another runs. What the work throws becomes the problem.
  bool start(Work work);
  /// Asks the work to end at its next progress.
  void stop() { is_stop_wanted_ = true; }
  State state() const;
  /// Returns when nothing runs any more.
  void wait();

 private:
  void run(const Work& work);
  void set(Phase phase, const std::string& problem = "");
  void report(std::int64_t done, std::int64_t total);

  const std::function<void()> on_change_;
  std::atomic<bool> is_stop_wanted_ = false;
  std::mutex starting_;  ///< of thread_
  std::thread thread_;
  mutable std::mutex mutex_;  ///< of what follows
  State state_;
  std::chrono::steady_clock::time_point told_ = {};
};

}  // namespace margay::studio
