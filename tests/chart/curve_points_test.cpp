#include "margay/chart/curve_points.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace margay::chart {
namespace {

using Positions = std::vector<std::size_t>;

TEST(VisiblePoints, AreFirstLowestHighestAndLastOfEachColumn) {
  const std::vector<double> x = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<double> y = {5, 1, 9, 4, 5, 3, 3, 8, 0, 2};
  EXPECT_EQ(visible_points(x, y, 0, 10, 2), (Positions{0, 1, 2, 4, 5, 7, 8, 9}));
}

TEST(VisiblePoints, AreAllWhereThereAreFewerThanColumns) {
  const std::vector<double> x = {1, 2, 4};
  EXPECT_EQ(visible_points(x, {x.begin(), x.end()}, 0, 5, 100), (Positions{0, 1, 2}));
}

TEST(VisiblePoints, IncludeTheNeighboursOfTheWindow) {
  const std::vector<double> x = {0, 1, 2, 3, 4, 5};
  const std::vector<double> y(6, 1);
  EXPECT_EQ(visible_points(x, y, 1.5, 3.5, 10), (Positions{1, 2, 3, 4}));
  EXPECT_EQ(visible_points(x, y, 2.2, 2.8, 10), (Positions{2, 3}));
}

TEST(VisiblePoints, KeepASpikeOfOneStepAmongAHundredThousand) {
  std::vector<double> x(100'000);
  std::iota(x.begin(), x.end(), 1);
  std::vector<double> y(x.size(), 0.5);
  y[77'777] = 40;
  const Positions points = visible_points(x, y, 0, 100'000, 1000);
  EXPECT_LE(points.size(), 4000U);
  EXPECT_NE(std::find(points.begin(), points.end(), 77'777), points.end());
}

TEST(VisiblePoints, KeepGaps) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> x = {0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<double> y = {1, 1, kNan, kNan, kNan, 1, 1, 1};
  EXPECT_EQ(visible_points(x, y, 0, 8, 1), (Positions{0, 2, 7}));
  const std::vector<double> diverged = {1, 1, kNan, kNan, kNan, kNan, kNan, kNan};
  EXPECT_EQ(visible_points(x, diverged, 0, 8, 2), (Positions{0, 1, 2, 4}));
}

TEST(VisiblePoints, CoverInEachColumnWhatAllPointsCover) {
  EXPECT_TRUE(rc::check([](std::vector<int> heights) {
    const auto columns = *rc::gen::inRange<std::size_t>(1, 40);
    std::vector<double> x(heights.size());
    std::iota(x.begin(), x.end(), 0);
    const std::vector<double> y(heights.begin(), heights.end());
    const double end = std::max<double>(1, static_cast<double>(x.size()));
    const Positions points = visible_points(x, y, 0, end, columns);
    RC_ASSERT(std::is_sorted(points.begin(), points.end()));
    RC_ASSERT(std::adjacent_find(points.begin(), points.end()) == points.end());
    RC_ASSERT(points.size() <= std::min(x.size(), 4 * columns));
    const auto column_of = [&](std::size_t i) {
      return std::min(static_cast<std::size_t>(x[i] * (static_cast<double>(columns) / end)), columns - 1);
    };
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto is_beside = [&](std::size_t point) { return column_of(point) == column_of(i); };
      RC_ASSERT(std::any_of(points.begin(), points.end(), [&](std::size_t p) { return is_beside(p) && y[p] <= y[i]; }));
      RC_ASSERT(std::any_of(points.begin(), points.end(), [&](std::size_t p) { return is_beside(p) && y[p] >= y[i]; }));
      RC_ASSERT(std::any_of(points.begin(), points.end(), [&](std::size_t p) { return is_beside(p) && p <= i; }));
      RC_ASSERT(std::any_of(points.begin(), points.end(), [&](std::size_t p) { return is_beside(p) && p >= i; }));
    }
  }));
}

TEST(VisiblePoints, RefuseWhatIsNoCurveOrNoWindow) {
  const std::vector<double> x = {1, 2};
  EXPECT_THROW(visible_points(x, std::vector<double>{1}, 0, 1, 1), std::invalid_argument);
  EXPECT_THROW(visible_points(x, x, 1, 1, 1), std::invalid_argument);
  EXPECT_THROW(visible_points(x, x, 0, std::nan(""), 1), std::invalid_argument);
  EXPECT_THROW(visible_points(x, x, 0, 1, 0), std::invalid_argument);
  EXPECT_TRUE(visible_points({}, {}, 0, 1, 1).empty());
}

}  // namespace
}  // namespace margay::chart
