#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace margay::train {

/// Threads that compute several micro-batches at once: lane 0 is the caller, each other one has a thread of its own.
class LaneThreads {
 public:
  /// lanes: at least 1, and fewer where the system gives no more threads. threads_each: CPU threads within an operation
  /// of a lane.
  LaneThreads(std::size_t lanes, int threads_each);
  LaneThreads(const LaneThreads&) = delete;
  LaneThreads& operator=(const LaneThreads&) = delete;
  ~LaneThreads();

  std::size_t size() const { return threads_.size() + 1; }
  /// Calls work(lane) for the first `lanes` ones at once and waits for all. Throws what the lowest of them threw.
  void run(std::size_t lanes, const std::function<void(std::size_t lane)>& work);

 private:
  void serve(std::size_t lane);

  int threads_each_;
  std::mutex changing_;
  std::condition_variable changed_;
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::vector<bool> is_wanted_;  ///< by lane: its work has not begun
  std::size_t running_ = 0;
  bool is_ending_ = false;
  std::vector<std::exception_ptr> errors_;
  std::atomic<std::size_t> next_lane_ = 1;  ///< of threads that begin
  std::vector<std::jthread> threads_;       ///< last: they use what stands above
};

}  // namespace margay::train
