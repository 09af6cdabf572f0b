#include "margay/data/loader/worker_team.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include "margay/core/threads.h"

namespace margay::data {
namespace {

double seconds_on(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

WorkerTeam::WorkerTeam(int count, Pace pace, std::function<void(const std::stop_token&)> work)
    : count_(count), pace_(pace), work_(std::move(work)) {
  start();
}

void WorkerTeam::request_stop() {
  for (auto* threads : {&threads_, &replaced_}) {
    for (std::jthread& thread : *threads) thread.request_stop();
  }
}

void WorkerTeam::replace_by_normal() {
  pace_ = Pace::kNormal;
  for (std::jthread& thread : threads_) thread.request_stop();
  std::move(threads_.begin(), threads_.end(), std::back_inserter(replaced_));
  start();
}

void WorkerTeam::follow_pace(bool& is_idle) const {
  if (is_idle || pace_ == Pace::kNormal) return;
  const sched_param no_priority{};
  ::sched_setscheduler(0, SCHED_IDLE, &no_priority);  // of this thread; a system that refuses only makes it slower
  is_idle = true;
}

double WorkerTeam::cpu_s() const {
  const std::lock_guard lock(mutex_);
  double seconds = ended_cpu_s_;
  for (const clockid_t clock : clocks_) seconds += seconds_on(clock);
  return seconds;
}

void WorkerTeam::start() {
  threads_ = core::start_threads(count_, [this](const std::stop_token& stop) { run(stop); });
}

void WorkerTeam::run(const std::stop_token& stop) {
  clockid_t clock{};
  ::pthread_getcpuclockid(::pthread_self(), &clock);
  {
    const std::lock_guard lock(mutex_);
    clocks_.push_back(clock);
  }
  work_(stop);
  const std::lock_guard lock(mutex_);
  clocks_.erase(std::find(clocks_.begin(), clocks_.end(), clock));
  ended_cpu_s_ += seconds_on(clock);
}

}  // namespace margay::data
