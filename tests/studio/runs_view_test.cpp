#include "apps/studio/runs_view.h"

#include <chrono>

#include <gtest/gtest.h>

namespace margay::studio {
namespace {

using namespace std::chrono_literals;

class GrowthIsTold : public ::testing::Test {
 protected:
  /// How often in `length`, of a run that grows all the time and is looked at each second, from `begin` on.
  int times(std::chrono::seconds begin, std::chrono::seconds length) {
    int times = 0;
    for (auto at = begin; at < begin + length; at += 1s) times += pace_.tells("a", begin_ + at) ? 1 : 0;
    return times;
  }

  const GrowthPace::Clock::time_point begin_ = GrowthPace::Clock::now();
  GrowthPace pace_;
};

TEST_F(GrowthIsTold, WithEachLookAtTheBeginningOfATraining) { EXPECT_EQ(times(0s, 5s), 5); }

TEST_F(GrowthIsTold, EveryTenSecondsOfALongTraining) {
  EXPECT_LE(times(0s, 60s), 20);
  EXPECT_EQ(times(60s, 600s), 60);
}

TEST_F(GrowthIsTold, OfEachRunForItself) {
  times(0s, 60s);
  EXPECT_TRUE(pace_.tells("b", begin_ + 60s));
  EXPECT_TRUE(pace_.tells("b", begin_ + 61s));
}

TEST_F(GrowthIsTold, AnewOfARunThatBeginsAnew) {
  times(0s, 60s);
  pace_.forget("a");
  EXPECT_EQ(times(60s, 5s), 5);
}

}  // namespace
}  // namespace margay::studio
