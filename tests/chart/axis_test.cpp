#include "margay/chart/axis.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/special_numbers.h"

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

std::vector<std::string> labels_of(const std::vector<Tick>& ticks) {
  std::vector<std::string> labels;
  for (const Tick& tick : ticks) labels.push_back(tick.label);
  return labels;
}

using Labels = std::vector<std::string>;

/// 1, 2 or 5 times a power of ten.
bool is_round(double step) {
  const double mantissa = step / std::pow(10, std::floor(std::log10(step * (1 + 1e-6))));
  for (const double round : {1.0, 2.0, 5.0}) {
    if (std::abs(mantissa - round) < 1e-3) return true;
  }
  return false;
}

RC_GTEST_PROP(LinearTicks, CoverTheRangeInRoundSteps, ()) {
  const double exponent = *rc::gen::inRange(-12, 13);
  const double low = *rc::gen::inRange(-100000, 100000) / 1000.0 * std::pow(10, exponent);
  const double width = *rc::gen::inRange(1, 100000) / 100.0 * std::pow(10, exponent);
  const int at_most = *rc::gen::inRange(3, 20);
  const std::vector<Tick> ticks = linear_ticks(low, low + width, at_most);
  const double noise = width * 1e-6;
  RC_ASSERT(!ticks.empty());
  RC_ASSERT(ticks.size() <= static_cast<std::size_t>(at_most));
  RC_ASSERT(ticks.front().value >= low - noise);
  RC_ASSERT(ticks.back().value <= low + width + noise);
  for (std::size_t i = 1; i < ticks.size(); ++i) RC_ASSERT(ticks[i].label != ticks[i - 1].label);
  if (ticks.size() < 2) return;
  const double step = ticks[1].value - ticks[0].value;
  RC_ASSERT(is_round(step));
  RC_ASSERT(ticks.front().value - step < low + noise);
  RC_ASSERT(ticks.back().value + step > low + width - noise);
}

TEST(LinearTicks, HaveTheDecimalsTheirStepNeeds) {
  EXPECT_EQ(labels_of(linear_ticks(0, 1, 6)), (Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(labels_of(linear_ticks(-1.2, 2.1, 5)), (Labels{"-1", "0", "1", "2"}));
  EXPECT_EQ(labels_of(linear_ticks(0, 30000, 4)), (Labels{"0", "10000", "20000", "30000"}));
  EXPECT_EQ(labels_of(linear_ticks(0, 3e-6, 4)), (Labels{"0", "1e-6", "2e-6", "3e-6"}));
  EXPECT_EQ(labels_of(linear_ticks(1e-6, 3e-6, 5)), (Labels{"1e-6", "1.5e-6", "2e-6", "2.5e-6", "3e-6"}));
  EXPECT_EQ(labels_of(linear_ticks(0, 2e7, 5)), (Labels{"0", "5e6", "1e7", "1.5e7", "2e7"}));
}

TEST(LogTicks, ArePowersOfTen) {
  EXPECT_EQ(labels_of(log_ticks(1e-7, 10, 20)),
            (Labels{"1e-7", "1e-6", "1e-5", "1e-4", "1e-3", "0.01", "0.1", "1", "10"}));
}

TEST(LogTicks, LeaveOutPowersWhereThereAreTooMany) {
  EXPECT_EQ(labels_of(log_ticks(1e-7, 10, 5)), (Labels{"1e-6", "1e-4", "0.01", "1"}));
  EXPECT_LE(log_ticks(1e-250, 1e250, 7).size(), 7U);
}

TEST(LogTicks, AreOnesTwosAndFivesWithinTwoDecades) {
  EXPECT_EQ(labels_of(log_ticks(9e-4, 0.03, 10)), (Labels{"1e-3", "2e-3", "5e-3", "0.01", "0.02"}));
}

TEST(LogTicks, AreLinearWithinLess) {
  EXPECT_EQ(labels_of(log_ticks(0.3, 0.45, 4)), (Labels{"0.30", "0.35", "0.40", "0.45"}));
}

RC_GTEST_PROP(LogTicks, LieInTheRange, ()) {
  const double low = std::pow(10, *rc::gen::inRange(-8000, 8000) / 100.0);
  const double high = low * std::pow(10, *rc::gen::inRange(1, 3000) / 100.0);
  const int at_most = *rc::gen::inRange(3, 20);
  const std::vector<Tick> ticks = log_ticks(low, high, at_most);
  RC_ASSERT(!ticks.empty());
  RC_ASSERT(ticks.size() <= static_cast<std::size_t>(at_most));
  RC_ASSERT(ticks.front().value >= low * (1 - 1e-6));
  RC_ASSERT(ticks.back().value <= high * (1 + 1e-6));
}

TEST(MinorTicks, StandBetweenThePowersOfTen) {
  const AxisRange range = {AxisScale::kLog, 0.1, 10};
  EXPECT_EQ(minor_ticks(range, log_ticks(0.1, 10, 5)).size(), 16U);
  EXPECT_TRUE(minor_ticks({AxisScale::kLog, 1e-7, 10}, log_ticks(1e-7, 10, 5)).empty());
  EXPECT_TRUE(minor_ticks({AxisScale::kLinear, 0, 1}, linear_ticks(0, 1, 5)).empty());
}

TEST(FittingTicks, GrowFewerUntilTheirLabelsStandApart) {
  const AxisRange range = {AxisScale::kLinear, 0, 100};
  const auto extent_of = [](const Tick& tick) { return Extent1d{tick.value - 8, tick.value + 8}; };
  EXPECT_EQ(labels_of(fitting_ticks(range, 11, 1, extent_of)), (Labels{"0", "20", "40", "60", "80", "100"}));
  const auto wide = [](const Tick& tick) { return Extent1d{tick.value - 500, tick.value + 500}; };
  EXPECT_EQ(fitting_ticks(range, 11, 1, wide).size(), 1U);
}

TEST(ShortNumber, KeepsThreeDigits) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(12345), "12345");
  EXPECT_EQ(short_number(1e12), "1e12");
  EXPECT_EQ(short_number(0.01), "0.01");
  EXPECT_EQ(short_number(1.3183e-3), "1.32e-3");
  EXPECT_EQ(short_number(-0.45678), "-0.457");
  EXPECT_EQ(short_number(3.14159), "3.14");
  EXPECT_EQ(short_number(1234.5), "1234");
}

}  // namespace
}  // namespace margay::chart
