#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/train/schedule/schedule.h"
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

double scheduled_lr_at(const HyperSchedule& schedule, double progress) { return schedule(progress).lrs.back(); }

TEST(HyperSchedule, MovesAllGroupsAlike) {
  const HyperSchedule schedule = shaped({1, 10}, sched_lin(1, 0), sched_lin(0.9, 0.8));
  EXPECT_EQ(schedule(0.5).lrs, (std::vector<double>{0.5, 5}));
  EXPECT_NEAR(schedule(0.5).momentum, 0.85, 1e-12);
}

TEST(HyperSchedule, IsConstantWithAdamsMomentum) {
  EXPECT_EQ(constant({1e-3, 1e-2})(0.3).lrs, (std::vector<double>{1e-3, 1e-2}));
  EXPECT_EQ(constant({1e-3})(0.3).momentum, 0.9);
}

TEST(FlatCos, StaysAndFalls) {
  const HyperSchedule schedule = flat_cos({2}, {.pct_start = 0.5, .div_final = 4, .momentum = 0.8});
  EXPECT_EQ(scheduled_lr_at(schedule, 0), 2);
  EXPECT_EQ(scheduled_lr_at(schedule, 0.49), 2);
  EXPECT_NEAR(scheduled_lr_at(schedule, 0.75), (2 + 0.5) / 2, 1e-12);
  EXPECT_NEAR(scheduled_lr_at(schedule, 1), 0.5, 1e-12);
  EXPECT_EQ(schedule(0.9).momentum, 0.8);
}

TEST(Sgdr, RestartsAtTheFirstStepOfEachCycle) {
  const SgdrShape shape{.cycles = 3, .cycle_len = 1, .cycle_mult = 2};
  ASSERT_EQ(sgdr_epochs(shape), 7);
  const HyperSchedule schedule = sgdr({1}, shape);
  constexpr int kSteps = 13;  // per epoch
  EXPECT_EQ(scheduled_lr_at(schedule, 0), 1);
  for (const int epoch : {1, 3}) {
    EXPECT_NEAR(scheduled_lr_at(schedule, static_cast<double>(epoch * kSteps) / (7 * kSteps)), 1, 1e-12) << epoch;
    EXPECT_LT(scheduled_lr_at(schedule, static_cast<double>(epoch * kSteps - 1) / (7 * kSteps)), 0.02) << epoch;
  }
  EXPECT_NEAR(scheduled_lr_at(schedule, 5.0 / 7), 0.5, 1e-9);
  EXPECT_NEAR(scheduled_lr_at(schedule, 1), 0, 1e-9);
}

TEST(Sgdr, CountsItsEpochs) {
  EXPECT_EQ(sgdr_epochs({.cycles = 1, .cycle_len = 5}), 5);
  EXPECT_EQ(sgdr_epochs({.cycles = 4, .cycle_len = 3, .cycle_mult = 1}), 12);
  EXPECT_EQ(sgdr_epochs({.cycles = 3, .cycle_len = 2, .cycle_mult = 3}), 26);
}

TEST(WarmUp, ClimbsToTheScheduleAndThenFollowsIt) {
  const HyperSchedule schedule = warm_up(shaped({8}, sched_lin(1, 0), sched_lin(0.9, 0.5)), {.share = 0.2, .div = 4});
  EXPECT_NEAR(scheduled_lr_at(schedule, 0), 2, 1e-12);
  EXPECT_NEAR(scheduled_lr_at(schedule, 0.1), 5, 1e-12);
  EXPECT_NEAR(schedule(0.1).momentum, 0.9, 1e-12);
  EXPECT_NEAR(scheduled_lr_at(schedule, 0.2), 8, 1e-12);
  EXPECT_NEAR(scheduled_lr_at(schedule, 0.6), 4, 1e-12);
  EXPECT_NEAR(scheduled_lr_at(schedule, 1), 0, 1e-12);
}

TEST(WarmUp, ClimbsAlongACosine) {
  const HyperSchedule schedule = warm_up(constant({1}), {.share = 0.5, .div = 10, .ramp = Ramp::kCosine});
  EXPECT_NEAR(scheduled_lr_at(schedule, 0), 0.1, 1e-12);
  EXPECT_NEAR(scheduled_lr_at(schedule, 0.25), 0.55, 1e-12);
  EXPECT_LT(scheduled_lr_at(schedule, 0.1), 0.1 + 0.9 / 5);  // below the line
  EXPECT_EQ(scheduled_lr_at(schedule, 0.7), 1);
}

TEST(HyperSchedule, RefusesWhatHasNoMeaning) {
  EXPECT_THROW(one_cycle({1e-3}, {.pct_start = 0}), std::invalid_argument);
  EXPECT_THROW(one_cycle({1e-3}, {.div = 0}), std::invalid_argument);
  EXPECT_THROW(one_cycle({1e-3}, {.div_final = -1}), std::invalid_argument);
  EXPECT_THROW(flat_cos({1e-3}, {.pct_start = 1}), std::invalid_argument);
  EXPECT_THROW(flat_cos({1e-3}, {.div_final = 0}), std::invalid_argument);
  EXPECT_THROW(sgdr({1e-3}, {.cycles = 0}), std::invalid_argument);
  EXPECT_THROW(sgdr({1e-3}, {.cycles = 64}), std::invalid_argument);  // 2^64 epochs
  EXPECT_THROW(warm_up(constant({1e-3}), {.share = 0}), std::invalid_argument);
  EXPECT_THROW(warm_up(constant({1e-3}), {.div = 0}), std::invalid_argument);
}

}  // namespace

}  // namespace margay::train
