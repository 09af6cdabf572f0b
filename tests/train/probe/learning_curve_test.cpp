#include "margay/train/probe/learning_curve.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/train/probe/probe.h"
#include "tests/support/probe_features.h"

namespace margay::train {
namespace {

using data::Task;
using testing_support::as_features;
using testing_support::clouds;
using testing_support::Numbers;

ProbeResult probe_of(const predict::Features& features, std::int64_t classes, const torch::Tensor& groups = {}) {
  return fit_probe(features, nullptr, {groups, {}}, classes, Task::kSingleLabel, {});
}

TEST(LearningCurve, HasTheErrorAtPartsAndEndsWithTheProbesOwn) {
  const ProbeResult result = probe_of(clouds({.images = 240, .classes = 4, .features = 40, .distance = 0.4}, 1), 4);
  const LearningCurve& curve = *result.curve;
  ASSERT_EQ(curve.points.size(), 4);
  EXPECT_NEAR(curve.points[0].images, 30, 4);  // whole classes: 7 or 8 images of 60
  EXPECT_NEAR(curve.points[1].images, 60, 1e-9);
  EXPECT_NEAR(curve.points[2].images, 120, 1e-9);
  EXPECT_EQ(curve.points[3].images, 240);
  EXPECT_NEAR(curve.points[3].error, result.score.error.mean, 1e-12);
  EXPECT_NEAR(curve.points[3].standard_error, result.score.error.standard_error, 1e-9);
  EXPECT_EQ(curve.points[0].draws, 4);
  EXPECT_GT(curve.points[0].error, curve.points[3].error + 0.05);
}

TEST(LearningCurve, IsTheSameEveryTime) {
  const auto features = clouds({.images = 120, .distance = 0.4}, 1);
  const LearningCurve once = *probe_of(features, 3).curve;
  const LearningCurve again = *probe_of(features, 3).curve;
  ASSERT_EQ(once.points.size(), again.points.size());
  for (std::size_t i = 0; i < once.points.size(); ++i) EXPECT_EQ(once.points[i].error, again.points[i].error);
  EXPECT_EQ(once.is_falling, again.is_falling);
}

TEST(LearningCurve, ForecastsWhatTwiceTheImagesGive) {
  int covered = 0;
  int forecasts = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const ProbeResult half = probe_of(clouds({.images = 160, .classes = 4, .features = 40, .distance = 0.4}, seed), 4);
    const ProbeResult all =
        fit_probe(clouds({.images = 320, .classes = 4, .features = 40, .distance = 0.4}, 100 + seed), nullptr, {}, 4,
                  Task::kSingleLabel, {.learning_curve = false});
    if (!half.curve->twice) continue;
    const ErrorForecast& twice = *half.curve->twice;
    EXPECT_EQ(twice.images, 320);
    EXPECT_LT(twice.low, twice.error);
    EXPECT_LT(twice.error, twice.high);
    ++forecasts;
    const double noise = 2 * all.score.error.standard_error;
    if (all.score.error.mean > twice.low - noise && all.score.error.mean < twice.high + noise) ++covered;
  }
  EXPECT_GE(forecasts, 6);
  EXPECT_GE(covered, forecasts - 1);
}

TEST(LearningCurve, ForecastsNothingFromNoise) {
  int forecasts = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const ProbeResult result = probe_of(clouds({.images = 96, .classes = 2, .distance = 0}, seed), 2);
    EXPECT_NE(result.curve->twice.has_value(), !result.curve->why_no_forecast.empty());
    forecasts += result.curve->twice ? 1 : 0;
  }
  EXPECT_LE(forecasts, 2);
}

TEST(LearningCurve, LeavesOutPartsThatWouldBeLargerThanTheirShare) {
  const ProbeResult result = probe_of(clouds({.images = 6, .distance = 2}, 1), 3);
  EXPECT_EQ(result.curve->points.size(), 2);  // an image of each class is more than an eighth and a quarter
  EXPECT_FALSE(result.curve->why_no_forecast.empty());
}

TEST(LearningCurve, DrawsWholeGroups) {
  const auto features = clouds({.images = 240, .classes = 2, .distance = 0.3}, 1);
  const torch::Tensor groups = torch::arange(240).div(24, "floor");  // ten groups: an eighth is one of them
  const ProbeResult result = probe_of(features, 2, groups);
  for (const LearningCurvePoint& point : result.curve->points) {
    EXPECT_NEAR(std::remainder(point.images * point.draws, 24), 0, 1e-6);
  }
}

}  // namespace
}  // namespace margay::train
