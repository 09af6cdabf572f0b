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

void end_threads(std::vector<std::jthread>& threads) {
  for (std::jthread& thread : threads) {
    const sched_param no_priority{};
    if (thread.joinable()) ::pthread_setschedparam(thread.native_handle(), SCHED_OTHER, &no_priority);  // or refused
    thread.request_stop();
  }
}

}  // namespace

WorkerTeam::WorkerTeam(int count, Pace pace, std::function<void(const std::stop_token&)> work)
    : count_(count), pace_(pace), work_(std::move(work)) {
  start();
}

void WorkerTeam::request_stop() {
  for (auto* threads : {&threads_, &replaced_}) end_threads(*threads);
}

void WorkerTeam::replace_by_normal() {
  pace_ = Pace::kNormal;
  end_threads(threads_);
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

namespace {

constexpr double kLeastWait_s = 0.1;  // less may be chance
constexpr double kGreatWait = 0.1;    // share of the time
constexpr double kFairShare = 0.5;    // of what the threads are owed
constexpr double kWindow_s = 2;       // what is longer ago counts half
constexpr std::chrono::seconds kTerm(60);

}  // namespace

bool StarvationWatch::add(const LoadingTime& stretch) {
  if (lately_.wall_s > kWindow_s) {
    for (double* each : {&lately_.wall_s, &lately_.waited_s, &lately_.owed_s, &lately_.got_s}) *each /= 2;
  }
  lately_.wall_s += stretch.wall_s;
  lately_.waited_s += stretch.waited_s;
  lately_.owed_s += stretch.owed_s;
  lately_.got_s += stretch.got_s;
  const bool waits = lately_.waited_s >= kLeastWait_s && lately_.waited_s >= kGreatWait * lately_.wall_s;
  const bool is_starving = waits && lately_.owed_s >= kLeastWait_s / 2 && lately_.got_s < kFairShare * lately_.owed_s;
  if (is_starving) lately_ = {};
  return is_starving;
}

void NormalTerm::begin(Clock::time_point now) { until_ = now + kTerm; }

}  // namespace margay::data
