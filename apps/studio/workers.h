#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace margay::studio {

/// Threads that compute what requests ask for, so that the server's own thread never waits. Tasks begin in their order.
/// They must not throw.
class Workers {
 public:
  using Task = std::function<void()>;

  /// threads: fewer where the system gives no more; core::Error if it gives none. most_waiting: tasks that may wait for
  /// a thread.
  Workers(int threads, std::size_t most_waiting);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  /// Waits for the tasks that run; those that wait are dropped.
  ~Workers();

  /// False, without keeping the task, where too many wait already.
  bool post(Task task);

 private:
  void run();

  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<Task> tasks_;
  bool is_ended_ = false;
  std::vector<std::jthread> threads_;  // last: they use what stands above
};

}  // namespace margay::studio
