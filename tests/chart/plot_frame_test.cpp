#include "margay/chart/plot_frame.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/special_numbers.h"

namespace margay::chart {
namespace {

/// 100 x 100 pixels for x and y of 0 … 10.
PlotFrame frame() {
  return {{{AxisScale::kLinear, 0, 10}, {AxisScale::kLinear, 0, 10}},
          {.left = 0, .top = 0, .right = 100, .bottom = 100}};
}

ChartSeries series_of(std::vector<double> x, std::vector<double> y) {
  return {.name = "", .x = std::move(x), .y = std::move(y)};
}

TEST(PlotFrame, PutsTheLowToTheLeftAndToTheBottom) {
  EXPECT_DOUBLE_EQ(frame().at(0, 0).x, 0);
  EXPECT_DOUBLE_EQ(frame().at(0, 0).y, 100);
  EXPECT_DOUBLE_EQ(frame().at(10, 2.5).x, 100);
  EXPECT_DOUBLE_EQ(frame().at(10, 2.5).y, 75);
}

TEST(RunsOf, BreakWhereThereIsNoNumber) {
  const auto runs = frame().runs_of(series_of({0, 1, 2, 3, 4, 5}, {1, 2, kNan, 4, kNan, 6}));
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].size(), 2U);
  EXPECT_EQ(runs[1].size(), 1U);
  EXPECT_DOUBLE_EQ(runs[1][0].x, 30);
}

TEST(RunsOf, EndAtTheEdges) {
  const auto runs = frame().runs_of(series_of({0, 4, 8}, {5, 15, 5}));
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_DOUBLE_EQ(runs[0].back().x, 20);
  EXPECT_DOUBLE_EQ(runs[0].back().y, 0);
  EXPECT_DOUBLE_EQ(runs[1].front().x, 60);
  EXPECT_TRUE(frame().runs_of(series_of({1, 2}, {20, 30})).empty());
  EXPECT_TRUE(frame().runs_of(series_of({1}, {20})).empty());
}

TEST(RunsOf, StayFiniteForNumbersFarOutside) {
  for (const PlotRun& run : frame().runs_of(series_of({1, 2, 3}, {1, 1e249, -1e249}))) {
    for (const PlotPoint& point : run) EXPECT_TRUE(std::isfinite(point.x) && std::isfinite(point.y));
  }
}

TEST(RunsOf, KeepTheFirstLowestHighestAndLastOfAColumn) {
  ChartSeries noisy;
  for (int i = 0; i < 100000; ++i) {
    noisy.x.push_back(i / 10000.0);
    noisy.y.push_back(i == 54321 ? 9 : i == 54399 ? 1 : 5);
  }
  const auto runs = frame().runs_of(noisy);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_LE(runs[0].size(), 404U);
  const auto has_height = [&](double y) {
    return std::any_of(runs[0].begin(), runs[0].end(), [&](const PlotPoint& p) { return std::abs(p.y - y) < 1e-6; });
  };
  EXPECT_TRUE(has_height(10));
  EXPECT_TRUE(has_height(90));
}

}  // namespace
}  // namespace margay::chart
