#include "apps/studio/workers.h"

#include <utility>

#include "margay/core/error.h"
#include "margay/core/threads.h"

namespace margay::studio {

Workers::Workers(int threads, std::size_t most_waiting)
    : most_waiting_(most_waiting),
      threads_(core::start_threads(threads, [this](const std::stop_token& /*stop*/) { run(); })) {
  if (threads_.empty()) throw core::Error("the system gives no more threads; end other programs, or raise the limit");
}

Workers::~Workers() {
  {
    const std::scoped_lock lock(mutex_);
    is_ended_ = true;
  }
  wakes_.notify_all();
}

bool Workers::post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    if (is_ended_ || tasks_.size() >= most_waiting_) return false;
    tasks_.push_back(std::move(task));
  }
  wakes_.notify_one();
  return true;
}

void Workers::run() {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wakes_.wait(lock, [this] { return is_ended_ || !tasks_.empty(); });
      if (is_ended_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace margay::studio
