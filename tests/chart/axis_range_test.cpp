#include "margay/chart/axis_range.h"
#include "tests/support/special_numbers.h"

#include <limits>

#include <gtest/gtest.h>

namespace margay::chart {
namespace {

LineChart chart_of(std::vector<double> y, ChartAxis y_axis = {}) {
  LineChart chart;
  chart.y = std::move(y_axis);
  chart.series.push_back({.name = "", .x = {}, .y = std::move(y)});
  return chart;
}

TEST(RangesOf, CoverWhatCanBeDrawn) {
  const auto ranges = ranges_of(chart_of({kNan, 1, 5, kInfinity, 3, -kInfinity, 1e300}), {});
  ASSERT_TRUE(ranges);
  EXPECT_DOUBLE_EQ(ranges->x.low, 1);
  EXPECT_DOUBLE_EQ(ranges->x.high, 4);
  EXPECT_DOUBLE_EQ(ranges->y.low, 1);
  EXPECT_DOUBLE_EQ(ranges->y.high, 5);
}

TEST(RangesOf, AreEmptyWithoutNumbers) {
  EXPECT_FALSE(ranges_of(LineChart{}, {}));
  EXPECT_FALSE(ranges_of(chart_of({kNan, kNan}), {}));
  EXPECT_FALSE(ranges_of(chart_of({0, -1}, {.label = "", .scale = AxisScale::kLog}), {}));
}

TEST(RangesOf, GiveAConstantRoomOnBothSides) {
  for (const double constant : {0.0, 3.0, -2e-8, 1e200, 1e-300}) {
    const auto ranges = ranges_of(chart_of({constant, constant}), {});
    ASSERT_TRUE(ranges);
    EXPECT_LT(ranges->y.low, constant);
    EXPECT_GT(ranges->y.high, constant);
    EXPECT_NEAR(ranges->y.place_of(constant), 0.5, 1e-9);
  }
}

TEST(RangesOf, AddTheRimOnTheAxissOwnRuler) {
  const auto linear = ranges_of(chart_of({0, 10}), {.x = 0, .y = 0.1});
  EXPECT_DOUBLE_EQ(linear->y.low, -1);
  EXPECT_DOUBLE_EQ(linear->y.high, 11);
  const auto log = ranges_of(chart_of({0.01, 1}, {.label = "", .scale = AxisScale::kLog}), {.x = 0, .y = 0.5});
  EXPECT_NEAR(log->y.low, 1e-3, 1e-12);
  EXPECT_NEAR(log->y.high, 10, 1e-9);
  EXPECT_NEAR(log->y.place_of(0.1), 0.5, 1e-12);
}

TEST(RangesOf, KeepTheEndsTheyAreGiven) {
  const auto ranges = ranges_of(chart_of({1, 2, 1e6}, {.label = "", .low = 0, .high = 4}), {.x = 0.1, .y = 0.1});
  EXPECT_EQ(ranges->y.low, 0);
  EXPECT_EQ(ranges->y.high, 4);
  const auto beyond = ranges_of(chart_of({1, 2}, {.label = "", .low = 5}), {});
  EXPECT_EQ(beyond->y.low, 5);
  EXPECT_GT(beyond->y.high, 5);
}

TEST(RangesOf, FollowOnlyWhatStandsBetweenTheEndsOfX) {
  LineChart chart = chart_of({1, 2, 3, 1000});
  chart.x.high = 2;
  EXPECT_DOUBLE_EQ(ranges_of(chart, {})->y.high, 3);
}

TEST(RangesOf, HoldTheMarks) {
  LineChart chart = chart_of({1, 2});
  chart.marks = {{"far", 7, 9}, {"lost", kNan, 100}};
  EXPECT_DOUBLE_EQ(ranges_of(chart, {})->x.high, 7);
  EXPECT_DOUBLE_EQ(ranges_of(chart, {})->y.high, 9);
}

}  // namespace
}  // namespace margay::chart
