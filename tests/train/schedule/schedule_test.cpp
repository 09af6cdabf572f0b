#include "margay/train/schedule/schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace margay::train {
namespace {

using testing_support::golden;

/// fastai keeps positions in float32, so its values carry that rounding.
void expect_curve(const Schedule& schedule, const nlohmann::json& expected, const nlohmann::json& positions) {
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto value = expected[i].get<double>();
    EXPECT_NEAR(schedule(positions[i].get<double>()), value, std::abs(value) * 2e-5 + 1e-12) << "at " << positions[i];
  }
}

TEST(Schedule, EndsWhereItShould) {
  for (const Schedule& schedule : {sched_lin(2, 8), sched_cos(2, 8), sched_exp(2, 8), sched_poly(2, 8, 3)}) {
    EXPECT_NEAR(schedule(0), 2, 1e-12);
    EXPECT_NEAR(schedule(1), 8, 1e-12);
  }
  EXPECT_EQ(sched_no(3)(0.7), 3);
  EXPECT_NEAR(sched_lin(2, 8)(0.5), 5, 1e-12);
  EXPECT_NEAR(sched_cos(2, 8)(0.5), 5, 1e-12);
  EXPECT_NEAR(sched_exp(2, 8)(0.5), 4, 1e-12);
}

TEST(Schedule, RefusesWhatHasNoMeaning) {
  EXPECT_THROW(sched_exp(-1, 1), std::invalid_argument);
  EXPECT_THROW(combine_scheds({0.5, 0.6}, {sched_no(1), sched_no(2)}), std::invalid_argument);
  EXPECT_THROW(combine_scheds({1.0}, {}), std::invalid_argument);
}

TEST(Schedule, MatchesFastaisCurves) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  const auto values = golden("schedules.json");
  const auto& pos = values["pos"];
  expect_curve(sched_lin(1e-3, 1e-5), values["sched_lin"], pos);
  expect_curve(sched_cos(1e-3, 1e-5), values["sched_cos"], pos);
  expect_curve(sched_exp(1e-7, 10), values["sched_exp"], pos);
  expect_curve(sched_no(1e-3), values["sched_no"], pos);
  expect_curve(sched_poly(1e-3, 1e-5, 2), values["sched_poly2"], pos);
  expect_curve(combined_cos(0.4, 1, 2, 0.5), values["combined_cos_0.4_1_2_0.5"], pos);
  expect_curve(combined_cos(0.75, 1e-3, 1e-3, 1e-8), values["flat_cos_pct0.75"], pos);
  expect_curve(combine_scheds({0.3, 0.7}, {sched_lin(0, 1), sched_cos(1, 0)}), values["combine_scheds_lin_cos_0.3_0.7"],
               pos);
}

TEST(Schedule, MatchesFastaisOneCycles) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  const auto values = golden("schedules.json");
  for (const double pct : {0.25, 0.3, 0.99}) {
    expect_curve(combined_cos(pct, 0.95, 0.85, 0.95), values[fmt::format("onecycle_mom_pct{}", pct)], values["pos"]);
    for (const int div : {5, 25}) {
      expect_curve(combined_cos(pct, 1e-3 / div, 1e-3, 1e-8), values[fmt::format("onecycle_lr_pct{}_div{}", pct, div)],
                   values["pos"]);
    }
  }
}

}  // namespace
}  // namespace margay::train
