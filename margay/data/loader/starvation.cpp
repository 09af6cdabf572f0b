#include "margay/data/loader/starvation.h"

namespace margay::data {
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
