#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace margay::routes {

/// A thread for work that the server's own threads must not do: reading long JSON, drawing maps, loading models. Tasks
/// run one after the other in their order. They must not throw.
class TaskThread {
 public:
  using Task = std::function<void()>;

  /// most: tasks that may wait.
  explicit TaskThread(std::size_t most);
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;
  /// Waits for the task that runs; those that wait are dropped.
  ~TaskThread();

  /// False, without keeping the task, where too many wait already.
  bool post(Task task);
  /// Returns when all tasks posted before have run.
  void wait_until_done();

 private:
  void run();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::condition_variable rests_;
  std::deque<Task> tasks_;
  bool is_busy_ = false;
  bool is_ended_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace margay::routes
