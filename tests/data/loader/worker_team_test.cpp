#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "margay/data/loader/worker_team.h"
#include "tests/support/ordinary_user.h"

namespace margay::data {
namespace {

using Pace = WorkerTeam::Pace;

/// Counts threads by the priority that they find themselves at.
class PriorityCounts {
 public:
  void add(int policy) {
    const std::lock_guard lock(mutex_);
    ++counts_[policy];
  }
  int of(int policy) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(policy);
    return found == counts_.end() ? 0 : found->second;
  }
  /// Whether so many are there before long.
  bool reaches(int policy, int count) const {
    for (int i = 0; i < 5000 && of(policy) < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return of(policy) == count;
  }

 private:
  mutable std::mutex mutex_;
  std::map<int, int> counts_;
};

/// A team whose threads tell their priority once and wait for their stop.
class WorkerTeamTest : public testing::Test {
 protected:
  void work(const std::stop_token& stop) {
    bool is_idle = false;
    team_->follow_pace(is_idle);
    counts_.add(::sched_getscheduler(0));
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const bool was_idle = is_idle;
      team_->follow_pace(is_idle);
      if (is_idle && !was_idle) lowered_.add(::sched_getscheduler(0));
    }
    ended_.add(::sched_getscheduler(0));
  }
  WorkerTeam& start(int count, Pace pace) {
    is_known_.lock();
    team_.emplace(count, pace, [this](const std::stop_token& stop) {
      { const std::lock_guard lock(is_known_); }
      work(stop);
    });
    is_known_.unlock();
    return *team_;
  }

  PriorityCounts counts_;
  PriorityCounts lowered_;
  PriorityCounts ended_;
  std::mutex is_known_;
  std::optional<WorkerTeam> team_;
};

TEST_F(WorkerTeamTest, RunsAtThePriorityAsked) {
  start(3, Pace::kIdle);
  EXPECT_TRUE(counts_.reaches(SCHED_IDLE, 3));
  start(2, Pace::kNormal);
  EXPECT_TRUE(counts_.reaches(SCHED_OTHER, 2));
}

TEST_F(WorkerTeamTest, ReplacesIdleThreadsByNewOnesThatNeverWereIdleWithoutAnyRights) {
  const testing_support::OrdinaryUser user;
  WorkerTeam& team = start(2, Pace::kIdle);
  ASSERT_TRUE(counts_.reaches(SCHED_IDLE, 2));
  team.replace_by_normal();
  EXPECT_TRUE(counts_.reaches(SCHED_OTHER, 2));
  EXPECT_EQ(team.size(), 2);
  EXPECT_EQ(team.pace(), Pace::kNormal);
}

/// Whether this process may raise an idle thread.
bool may_raise() {
  bool may = false;
  std::jthread([&] {
    const sched_param no_priority{};
    ::sched_setscheduler(0, SCHED_IDLE, &no_priority);
    may = ::sched_setscheduler(0, SCHED_OTHER, &no_priority) == 0;
  }).join();
  return may;
}

TEST_F(WorkerTeamTest, EndsIdleThreadsAtNormalPriorityWhereItMay) {
  if (!may_raise()) GTEST_SKIP() << "this user may not raise threads";
  WorkerTeam& team = start(2, Pace::kIdle);
  ASSERT_TRUE(counts_.reaches(SCHED_IDLE, 2));
  team.request_stop();
  EXPECT_TRUE(ended_.reaches(SCHED_OTHER, 2));
}

TEST_F(WorkerTeamTest, GoesBackToIdleWithTheSameThreads) {
  WorkerTeam& team = start(2, Pace::kNormal);
  ASSERT_TRUE(counts_.reaches(SCHED_OTHER, 2));
  team.make_idle();
  EXPECT_TRUE(lowered_.reaches(SCHED_IDLE, 2));
  EXPECT_EQ(counts_.of(SCHED_IDLE), 0);
}

TEST_F(WorkerTeamTest, CountsTheProcessorTimeOfThreadsThatRunAndOfThoseThatEnded) {
  const auto burn = [](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
    }
  };
  WorkerTeam team(1, Pace::kNormal, burn);
  const auto reaches = [&](double seconds) {
    for (int i = 0; i < 5000 && team.cpu_s() < seconds; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return team.cpu_s() >= seconds;
  };
  EXPECT_TRUE(reaches(0.005));
  const double before = team.cpu_s();
  team.replace_by_normal();
  EXPECT_GE(team.cpu_s(), before);
  EXPECT_TRUE(reaches(before + 0.005));
  team.request_stop();
}

TEST_F(WorkerTeamTest, TellsWhenItsThreadsHaveEnded) {
  WorkerTeam& team = start(2, Pace::kIdle);
  ASSERT_TRUE(counts_.reaches(SCHED_IDLE, 2));
  team.replace_by_normal();
  ASSERT_TRUE(counts_.reaches(SCHED_OTHER, 2));
  EXPECT_FALSE(team.has_ended());
  const double before = team.cpu_s();
  team.request_stop();
  for (int i = 0; i < 5000 && !team.has_ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(team.has_ended());
  EXPECT_GE(team.cpu_s(), before) << "the time of threads that are gone counts";
}

TEST_F(WorkerTeamTest, WithoutThreadsHasEnded) { EXPECT_TRUE(WorkerTeam(0, Pace::kIdle, {}).has_ended()); }

/// How many stretches like this one it takes until the threads are found to starve; 0: they never are.
int count_until_starving(const LoadingTime& stretch) {
  StarvationWatch watch;
  for (int i = 1; i <= 1000; ++i) {
    if (watch.add(stretch)) return i;
  }
  return 0;
}

TEST(StarvationWatch, TellsThreadsThatGetNothingWhileTrainingWaits) {
  EXPECT_EQ(count_until_starving({.wall_s = 0.05, .waited_s = 0.03, .owed_s = 0.03, .got_s = 0}), 4);
  EXPECT_EQ(count_until_starving({.wall_s = 0.05, .waited_s = 0.03, .owed_s = 0.03, .got_s = 0.01}), 4);
}

TEST(StarvationWatch, LeavesThreadsAloneThatAreSlowByThemselves) {
  EXPECT_EQ(count_until_starving({.wall_s = 0.05, .waited_s = 0.03, .owed_s = 0.03, .got_s = 0.03}), 0);
  EXPECT_EQ(count_until_starving({.wall_s = 0.05, .waited_s = 0.03, .owed_s = 0.03, .got_s = 0.016}), 0);
}

TEST(StarvationWatch, LeavesThreadsAloneForWhichTrainingHardlyWaits) {
  EXPECT_EQ(count_until_starving({.wall_s = 0.05, .waited_s = 0.004, .owed_s = 0.004, .got_s = 0}), 0);
}

TEST(StarvationWatch, IsNotFooledByOneLongWaitLongAgo) {
  StarvationWatch watch;
  EXPECT_FALSE(watch.add({.wall_s = 1, .waited_s = 0.9, .owed_s = 0.9, .got_s = 0.9}));
  int stretches = 1;
  while (!watch.add({.wall_s = 1, .waited_s = 0.3, .owed_s = 0.3, .got_s = 0.02})) ++stretches;
  EXPECT_LE(stretches, 4);
}

TEST(StarvationWatch, BeginsAnewOnceItHasTold) {
  StarvationWatch watch;
  EXPECT_TRUE(watch.add({.wall_s = 1, .waited_s = 1, .owed_s = 1, .got_s = 0}));
  EXPECT_FALSE(watch.add({.wall_s = 0.05, .waited_s = 0.05, .owed_s = 0.05, .got_s = 0}));
}

TEST(StarvationWatch, SaysNothingOfASingleCoreThatTheConsumerUsesItself) {
  EXPECT_EQ(count_until_starving({.wall_s = 0.05, .waited_s = 0.05, .owed_s = 0, .got_s = 0}), 0);
}

TEST(NormalTerm, LastsAMinute) {
  NormalTerm term;
  const auto now = NormalTerm::Clock::now();
  EXPECT_FALSE(term.is_running(now));
  term.begin(now);
  EXPECT_TRUE(term.is_running(now + std::chrono::seconds(59)));
  EXPECT_FALSE(term.is_running(now + std::chrono::seconds(60)));
}

}  // namespace

}  // namespace margay::data
