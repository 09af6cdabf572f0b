#include "margay/data/loader/worker_team.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include "margay/core/threads.h"

namespace margay::data {
namespace {

/// Nothing once the thread of the clock is gone.
std::optional<double> seconds_on(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return std::nullopt;
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
  double seconds = 0;
  for (const Meter& meter : meters_) {
    const std::optional<double> until_now = meter.at_end_s < 0 ? seconds_on(meter.clock) : std::nullopt;
    seconds += until_now ? *until_now : std::max(meter.at_end_s.load(), 0.0);
  }
  return seconds;
}

bool WorkerTeam::has_ended() const {
  const std::lock_guard lock(mutex_);
  return meters_.size() == threads_.size() + replaced_.size() &&
         std::none_of(meters_.begin(), meters_.end(),
                      [](const Meter& meter) { return seconds_on(meter.clock).has_value(); });
}

void WorkerTeam::start() {
  threads_ = core::start_threads(count_, [this](const std::stop_token& stop) { run(stop); });
}

void WorkerTeam::run(const std::stop_token& stop) {
  Meter& meter = begin_meter();
  work_(stop);
  meter.at_end_s = seconds_on(meter.clock).value_or(0);
}

/// Of the calling thread, which still has the priority of the one that started it.
WorkerTeam::Meter& WorkerTeam::begin_meter() {
  const std::lock_guard lock(mutex_);
  Meter& meter = meters_.emplace_back();
  ::pthread_getcpuclockid(::pthread_self(), &meter.clock);
  return meter;
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
