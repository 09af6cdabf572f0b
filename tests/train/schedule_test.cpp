#include "margay/train/schedule/schedule.h"

#include <gtest/gtest.h>

#include "margay/train/schedule/hyper_schedule.h"
#include "margay/train/schedule/learning_rate.h"
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
  EXPECT_THROW(one_cycle({1e-3}, {.pct_start = 0}), std::invalid_argument);
}

TEST(Schedule, MatchesFastaisCurves) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  const auto values = golden("schedules.json");
  const auto& pos = values["pos"];
  expect_curve(combined_cos(0.25, 1e-3 / 25, 1e-3, 1e-3 / 1e5), values["onecycle_lr_pct0.25_div25"], pos);
  expect_curve(combined_cos(0.3, 1e-3 / 5, 1e-3, 1e-3 / 1e5), values["onecycle_lr_pct0.3_div5"], pos);
  expect_curve(combined_cos(0.25, 0.95, 0.85, 0.95), values["onecycle_mom_pct0.25"], pos);
}

TEST(Schedule, FollowsFastaiThroughWholeFits) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  const auto steps = golden("schedules.json")["loop_fit_one_cycle_3epoch_10it_slice(1e-6,1e-4)"];
  const HyperSchedule schedule = one_cycle(LearningRate::slice(1e-6, 1e-4).for_groups(3));
  ASSERT_EQ(steps.size(), 30U);
  for (const auto& step : steps) {
    const Hyper hyper = schedule(step["pct_train"].get<double>());
    EXPECT_NEAR(hyper.momentum, step["mom"][0].get<double>(), 1e-6);
    for (std::size_t g = 0; g < 3; ++g) {
      const auto lr = step["lr"][g].get<double>();
      EXPECT_NEAR(hyper.lrs[g], lr, lr * 1e-4) << "at " << step["pct_train"];
    }
  }
}

TEST(LearningRate, SpreadsAsFastaiDoes) {
  MARGAY_REQUIRE_GOLDEN("lr_groups.json");
  const auto values = golden("lr_groups.json");
  for (std::size_t groups = 1; groups <= 4; ++groups) {
    const std::string prefix = "groups" + std::to_string(groups) + " ";
    const auto expect = [&](const std::string& key, const LearningRate& lr) {
      const auto expected = values[prefix + key].get<std::vector<double>>();
      const std::vector<double> rates = lr.for_groups(groups);
      ASSERT_EQ(rates.size(), expected.size());
      for (std::size_t i = 0; i < groups; ++i) EXPECT_NEAR(rates[i], expected[i], expected[i] * 1e-9) << key;
    };
    expect("slice(1e-06, 0.0001, None)", LearningRate::slice(1e-6, 1e-4));
    expect("slice(None, 0.0001, None)", LearningRate::slice(1e-4));
    expect("slice(1e-05, 0.001, None)", LearningRate::slice(1e-5, 1e-3));
    expect("scalar 1e-4", LearningRate(1e-4));
  }
}

TEST(LearningRate, IsReadFromText) {
  EXPECT_EQ(LearningRate::parse("1e-3").for_groups(2), (std::vector<double>{1e-3, 1e-3}));
  EXPECT_EQ(LearningRate::parse("slice(1e-3)").for_groups(2), LearningRate::slice(1e-3).for_groups(2));
  EXPECT_EQ(LearningRate::parse("slice(1e-6, 1e-4)").for_groups(3), LearningRate::slice(1e-6, 1e-4).for_groups(3));
  EXPECT_EQ(LearningRate::parse("1e-5,1e-4").for_groups(2), (std::vector<double>{1e-5, 1e-4}));
  for (const char* text : {"", "fast", "1e-3x", "slice()", "slice(1,2,3)", "-1", "0", "1,,2", "nan", "inf"}) {
    EXPECT_THROW(LearningRate::parse(text), std::invalid_argument) << text;
  }
}

TEST(LearningRate, RefusesAListOfAnotherLength) {
  EXPECT_THROW(LearningRate::list({1e-3, 1e-4}).for_groups(3), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
