#include "margay/collective/link_speed.h"

#include <gtest/gtest.h>

namespace margay::collective {
namespace {

TEST(SumSpeed, CountsWhatEachLinkOfARingCarries) {
  const SumSpeed speed{.bytes = 1'000'000, .repeats = 5, .seconds = 0.5};
  EXPECT_DOUBLE_EQ(speed.bytes_per_s(), 2e6);
  EXPECT_DOUBLE_EQ(speed.link_bytes_per_s(2), 2e6);
  EXPECT_DOUBLE_EQ(speed.link_bytes_per_s(4), 3e6);
}

TEST(RingSeconds, CountsTheStepsOfARing) {
  EXPECT_EQ(ring_seconds(1000, 1, 1, 1), 0);
  EXPECT_DOUBLE_EQ(ring_seconds(1000, 2, 0.1, 1e3), 2 * (0.1 + 0.5));
  EXPECT_DOUBLE_EQ(ring_seconds(1000, 4, 0.1, 1e3), 6 * (0.1 + 0.25));
}

TEST(MeasureClocks, FindsTheOneProcessAtItsOwnTime) {
  const auto group = one_process();
  const std::vector<ClockOffset> clocks = measure_clocks(*group, 3);
  ASSERT_EQ(clocks.size(), 1U);
  EXPECT_EQ(clocks[0].seconds, 0);
  EXPECT_EQ(clocks[0].uncertainty_s, 0);
}

TEST(MeasureSums, RepeatsEachSizeAtLeastFiveTimes) {
  const auto group = one_process();
  const std::vector<SumSpeed> speeds = measure_sums(*group, {1, 4096}, 1e-9);
  ASSERT_EQ(speeds.size(), 2U);
  EXPECT_EQ(speeds[0].bytes, 4);
  EXPECT_EQ(speeds[1].bytes, 4096);
  EXPECT_EQ(speeds[1].repeats, 5);
  EXPECT_LE(speeds[1].fastest_s, speeds[1].seconds);
  EXPECT_LE(speeds[1].seconds, speeds[1].slowest_s);
}

}  // namespace
}  // namespace margay::collective
