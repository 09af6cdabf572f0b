#include "margay/train/lr_find/lr_sweep.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/golden.h"
#include "tests/train/lr_find/golden_sweeps.h"

namespace margay::train {
namespace {

/// fastai smooths in float32.
constexpr double kSmoothTolerance = 2e-6;

/// The losses whose smoothing is `smooth`.
std::vector<double> unsmoothed(const std::vector<double>& smooth) {
  constexpr double kBeta = 0.98;
  std::vector<double> raw;
  double sum_before = 0;
  for (std::size_t i = 0; i < smooth.size(); ++i) {
    const double sum = smooth[i] * (1 - std::pow(kBeta, static_cast<double>(i + 1)));
    raw.push_back((sum - kBeta * sum_before) / (1 - kBeta));
    sum_before = sum;
  }
  return raw;
}

/// Feeds losses until the sweep ends or they do; the number of steps taken.
std::int64_t steps_until_over(LrSweep& sweep, const std::vector<double>& losses) {
  std::int64_t step = 0;
  for (const double loss : losses) {
    if (sweep.add(step++, loss)) break;
  }
  return step;
}

TEST(LrSweep, GrowsExponentiallyAsFastaisDoes) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto lrs = golden_sweeps()["lrs_start1e-7_end10_it100"].get<std::vector<double>>();
  const LrSweep sweep;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    EXPECT_NEAR(sweep.lr_at(static_cast<std::int64_t>(i)), lrs[i], lrs[i] * 1e-12);
  }
}

TEST(LrSweep, SmoothsAsFastaiDoes) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto values = golden_sweeps()["smooth_loss_beta0.98"];
  LrSweep sweep;
  const auto raw = values["raw"].get<std::vector<double>>();
  EXPECT_EQ(steps_until_over(sweep, raw), 60);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto expected = values["smoothed"][i].get<double>();
    EXPECT_NEAR(sweep.curve().losses[i], expected, expected * kSmoothTolerance);
  }
}

TEST(LrSweep, RepeatsAWholeRunOfFastais) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto run = golden_sweeps()["loop_lr_find_tiny"];
  const auto losses = run["losses"].get<std::vector<double>>();
  LrSweep sweep;
  std::vector<double> raw = unsmoothed(losses);
  raw.push_back(1);  // must not be asked for
  EXPECT_EQ(steps_until_over(sweep, raw), run["n"].get<std::int64_t>());
  ASSERT_EQ(sweep.curve().losses.size(), losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(sweep.curve().lrs[i], run["lrs"][i].get<double>(), run["lrs"][i].get<double>() * 1e-12);
    EXPECT_NEAR(sweep.curve().losses[i], losses[i], losses[i] * 1e-9);
  }
}

TEST(LrSweep, StopsWhereTheLossIsFourTimesItsLowest) {
  const std::vector<double> smooth = {2, 1, 0.5, 1, 1.9, 2, 2.1, 2.2};
  LrSweep sweep;
  EXPECT_EQ(steps_until_over(sweep, unsmoothed(smooth)), 7);
  EXPECT_NEAR(sweep.curve().losses.back(), 2.1, 1e-12);  // the step that diverged is part of the curve
  LrSweep without(LrSweepOptions{.num_it = 8, .stop_div = false});
  EXPECT_EQ(steps_until_over(without, unsmoothed(smooth)), 8);
}

TEST(LrSweep, EndsBeforeALossThatIsNoNumber) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    LrSweep sweep({.stop_div = false});
    EXPECT_FALSE(sweep.add(0, 1));
    EXPECT_FALSE(sweep.add(1, 1));
    EXPECT_TRUE(sweep.add(2, bad));
    EXPECT_EQ(sweep.curve().lrs.size(), 2U);
    EXPECT_EQ(sweep.curve().losses.size(), 2U);
  }
}

TEST(LrSweep, RefusesAnImpossibleRangeAndAStrangeOrder) {
  EXPECT_THROW(LrSweep({.start_lr = 1, .end_lr = 1}), std::invalid_argument);
  EXPECT_THROW(LrSweep({.start_lr = -1}), std::invalid_argument);
  EXPECT_THROW(LrSweep({.num_it = 5}), std::invalid_argument);
  LrSweep sweep;
  EXPECT_THROW(sweep.add(1, 1), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
