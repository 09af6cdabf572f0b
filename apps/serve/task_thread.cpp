#include "apps/serve/task_thread.h"

#include <utility>

namespace margay::routes {

TaskThread::TaskThread(std::size_t most) : most_(most), thread_([this] { run(); }) {}

TaskThread::~TaskThread() {
  {
    const std::scoped_lock lock(mutex_);
    is_ended_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

bool TaskThread::post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    if (is_ended_ || tasks_.size() >= most_) return false;
    tasks_.push_back(std::move(task));
  }
  wakes_.notify_one();
  return true;
}

void TaskThread::wait_until_done() {
  std::unique_lock lock(mutex_);
  rests_.wait(lock, [this] { return is_ended_ || (tasks_.empty() && !is_busy_); });
}

void TaskThread::run() {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      is_busy_ = false;
      if (tasks_.empty()) rests_.notify_all();
      wakes_.wait(lock, [this] { return is_ended_ || !tasks_.empty(); });
      if (is_ended_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      is_busy_ = true;
    }
    task();
  }
}

}  // namespace margay::routes
