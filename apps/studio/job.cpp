#include "apps/studio/job.h"

#include <algorithm>
#include <utility>

#include <sys/resource.h>

#include "margay/core/error.h"

namespace margay::studio {

const char* Job::State::name() const {
  switch (phase) {
    case Phase::kRunning:
      return "running";
    case Phase::kDone:
      return "done";
    case Phase::kStopped:
      return "stopped";
    case Phase::kFailed:
      return "failed";
    default:
      return "idle";
  }
}

void Job::Progress::operator()(std::int64_t done, std::int64_t total) const {
  if (job_.is_stop_wanted_) throw core::Interrupted("stopped");
  job_.report(done, total);
}

Job::~Job() {
  stop();
  wait();
}

bool Job::start(Work work) {
  const std::lock_guard starting(starting_);
  if (state().phase == Phase::kRunning) return false;
  if (thread_.joinable()) thread_.join();
  is_stop_wanted_ = false;
  {
    const std::lock_guard lock(mutex_);
    state_ = {.phase = Phase::kRunning};
  }
  try {
    thread_ = std::thread([this, work = std::move(work)] { run(work); });
  } catch (...) {  // the system gives no thread
    const std::lock_guard lock(mutex_);
    state_ = {};
    throw;
  }
  return true;
}

void Job::run(const Work& work) {
  // Of this thread alone; where it fails the work is merely less polite.
  ::setpriority(PRIO_PROCESS, 0, std::max(kNice, ::getpriority(PRIO_PROCESS, 0)));
  if (on_change_) on_change_();
  try {
    work(Progress(*this));
    set(Phase::kDone);
  } catch (const core::Interrupted&) {
    set(Phase::kStopped);
  } catch (const std::exception& error) {
    set(Phase::kFailed, core::without_stack_frames(error.what()));
  }
}

void Job::set(Phase phase, const std::string& problem) {
  {
    const std::lock_guard lock(mutex_);
    state_.phase = phase;
    state_.problem = problem;
  }
  if (on_change_) on_change_();
}

void Job::report(std::int64_t done, std::int64_t total) {
  constexpr std::chrono::milliseconds kPace{100};
  {
    const std::lock_guard lock(mutex_);
    state_.done = done;
    state_.total = total;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < kPace) return;
    told_ = now;
  }
  if (on_change_) on_change_();
}

Job::State Job::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Job::wait() {
  const std::lock_guard starting(starting_);
  if (thread_.joinable()) thread_.join();
}

}  // namespace margay::studio
