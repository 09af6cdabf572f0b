#include "margay/data/loader/starvation.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

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
