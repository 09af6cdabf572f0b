#include "margay/train/micro_batch/lane_threads.h"

#include <utility>

#include "margay/core/threads.h"
#include "margay/model/cpu_threads.h"

namespace margay::train {

LaneThreads::LaneThreads(std::size_t lanes, int threads_each)
    : threads_each_(threads_each),
      is_wanted_(lanes),
      errors_(lanes),
      threads_(core::start_threads(static_cast<int>(lanes) - 1,
                                   [this](const std::stop_token& /*stop*/) { serve(next_lane_++); })) {}

LaneThreads::~LaneThreads() {
  {
    const std::lock_guard lock(changing_);
    is_ending_ = true;
  }
  changed_.notify_all();
}

void LaneThreads::run(std::size_t lanes, const std::function<void(std::size_t)>& work) {
  {
    const std::lock_guard lock(changing_);
    work_ = &work;
    running_ = lanes - 1;
    for (std::size_t lane = 1; lane < lanes; ++lane) is_wanted_[lane] = true;
    errors_.assign(errors_.size(), nullptr);
  }
  changed_.notify_all();
  try {
    const model::ThreadCount threads(threads_each_);
    work(0);
  } catch (...) {
    errors_[0] = std::current_exception();
  }
  std::unique_lock lock(changing_);
  changed_.wait(lock, [&] { return running_ == 0; });
  work_ = nullptr;
  for (const std::exception_ptr& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

void LaneThreads::serve(std::size_t lane) {
  const model::ThreadCount threads(threads_each_);
  std::unique_lock lock(changing_);
  while (true) {
    changed_.wait(lock, [&] { return is_ending_ || is_wanted_[lane]; });
    if (is_ending_) return;
    is_wanted_[lane] = false;
    const auto& work = *work_;
    lock.unlock();
    std::exception_ptr error;
    try {
      work(lane);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    errors_[lane] = error;
    --running_;
    changed_.notify_all();
  }
}

}  // namespace margay::train
