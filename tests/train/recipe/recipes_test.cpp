#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/train/recipe/recipes.h"
#include "tests/support/golden.h"

namespace margay::train {
namespace {

using testing_support::golden;

constexpr std::int64_t kGroups = 3;

/// fastai keeps positions within a schedule in float32: near 0, 2e-5 of the rate, and at its end 1e-6 of the peak.
constexpr double kRecipeTolerance = 1e-4;
constexpr double kMomentumTolerance = 1e-6;

/// Compares each step of the recipe, whose epochs have `steps` steps, with what fastai's optimizer had.
void expect_run(const Stages& recipe, std::int64_t steps, const std::string& key) {
  const auto expected = golden("schedules.json")[key];
  std::size_t at = 0;
  for (const Stage& stage : recipe) {
    const HyperSchedule schedule = hyper_schedule(stage, kGroups);
    const std::int64_t all = stage.epochs * steps;
    for (std::int64_t step = 0; step < all; ++step, ++at) {
      ASSERT_LT(at, expected.size()) << key;
      const Hyper hyper = schedule(static_cast<double>(step) / static_cast<double>(all));
      for (std::size_t g = 0; g < kGroups; ++g) {
        const auto lr = expected[at]["lr"][g].get<double>();
        EXPECT_NEAR(hyper.lrs[g], lr, lr * kRecipeTolerance) << key << ", step " << at << ", group " << g;
      }
      EXPECT_NEAR(hyper.momentum, expected[at]["mom"][0].get<double>(), kMomentumTolerance) << key << ", step " << at;
    }
  }
  EXPECT_EQ(at, expected.size()) << key;
}

TEST(Recipes, FollowFastaiThroughWholeFits) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  expect_run(one_cycle_recipe(1, 1e-3), 100, "loop_fit_one_cycle_1epoch_100it_lr1e-3");
  expect_run(one_cycle_recipe(3, LearningRate::slice(1e-6, 1e-4)), 10,
             "loop_fit_one_cycle_3epoch_10it_slice(1e-6,1e-4)");
  expect_run(flat_cos_recipe(2, 1e-3), 10, "loop_fit_flat_cos_2epoch_10it_lr1e-3");
  expect_run(sgdr_recipe({.cycles = 2, .cycle_len = 1}, 1e-3), 10, "loop_fit_sgdr_n2_len1_lr1e-3");
  expect_run({{.epochs = 2, .lr = LearningRate::slice(1e-3), .schedule = {.kind = ScheduleKind::kFlat}}}, 10,
             "loop_fit_2epoch_slice(1e-3)");
}

TEST(Recipes, FollowFastaiThroughFineTuning) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  expect_run(fine_tune_recipe(2, {.base_lr = 2e-3, .freeze_epochs = 1}), 10,
             "loop_fine_tune_2epoch_10it_base_lr2e-3_freeze1");
  expect_run(fine_tune_recipe(3, {.base_lr = 3e-3, .freeze_epochs = 2}), 10,
             "loop_fine_tune_3epoch_10it_base_lr3e-3_freeze2");
}

TEST(Recipes, FineTuneFirstTheHeadAndThenEverything) {
  const Stages recipe = fine_tune_recipe(5, {.base_lr = 1e-2, .freeze_epochs = 2, .lr_mult = 50});
  ASSERT_EQ(recipe.size(), 2U);
  EXPECT_EQ(recipe[0].name, "frozen");
  EXPECT_EQ(recipe[0].epochs, 2);
  EXPECT_EQ(recipe[0].lr, LearningRate::slice(1e-2));
  EXPECT_EQ(first_trained_group(recipe[0], 3), 2);
  EXPECT_EQ(recipe[1].name, "unfrozen");
  EXPECT_EQ(recipe[1].epochs, 5);
  EXPECT_EQ(recipe[1].lr, LearningRate::slice(1e-4, 5e-3));
  EXPECT_EQ(first_trained_group(recipe[1], 3), 0);
  EXPECT_EQ(fine_tune_recipe(5, {.freeze_epochs = 0}).size(), 1U);
}

TEST(Recipes, WriteDownOnlyWhatIsUnusual) {
  EXPECT_EQ(one_cycle_recipe(3)[0].schedule, ScheduleOptions{});
  EXPECT_EQ(one_cycle_recipe(3, 1e-3, {.div = 10})[0].schedule, ScheduleOptions{.div = 10});
  EXPECT_EQ(one_cycle_recipe(3)[0].name, "one_cycle");
  EXPECT_EQ(sgdr_recipe({.cycles = 3})[0].epochs, 7);
}

TEST(Recipes, RefuseNoEpochs) {
  EXPECT_THROW(one_cycle_recipe(0), std::invalid_argument);
  EXPECT_THROW(fine_tune_recipe(0), std::invalid_argument);
  EXPECT_THROW(fine_tune_recipe(1, {.base_lr = -1}), std::invalid_argument);
  EXPECT_THROW(flat_cos_recipe(1, 1e-3, {.pct_start = 2}), std::invalid_argument);
}

TEST(Stage, IsNamedByWhatTrains) {
  EXPECT_EQ(resolve({.freeze_to = -1}).name, "frozen");
  EXPECT_EQ(resolve({.freeze_to = 0}).name, "unfrozen");
  EXPECT_EQ(resolve({.freeze_to = 2}).name, "from group 2");
  EXPECT_EQ(resolve({.freeze_to = -2}).name, "last 2 groups");
  EXPECT_EQ(resolve({.schedule = {.kind = ScheduleKind::kFlatCos}}).name, "flat_cos");
  EXPECT_EQ(resolve({.name = "head", .freeze_to = -1}).name, "head");
}

TEST(Stage, CountsGroupsFromBothEnds) {
  EXPECT_EQ(first_trained_group({.freeze_to = -1}, 3), 2);
  EXPECT_EQ(first_trained_group({.freeze_to = -3}, 3), 0);
  EXPECT_EQ(first_trained_group({.freeze_to = 1}, 3), 1);
  EXPECT_EQ(first_trained_group({}, 3), std::nullopt);
  EXPECT_THROW(first_trained_group({.freeze_to = 3}, 3), std::invalid_argument);
  EXPECT_THROW(first_trained_group({.freeze_to = -4}, 3), std::invalid_argument);
}

TEST(Stage, GivesRatesForItsGroups) {
  const Stage stage{.lr = LearningRate::decay(1, 0.5), .schedule = {.kind = ScheduleKind::kFlat}};
  EXPECT_EQ(hyper_schedule(stage, 3)(0.5).lrs, (std::vector<double>{0.25, 0.5, 1}));
  EXPECT_THROW(hyper_schedule(Stage{.lr = LearningRate::list({1, 2})}, 3), std::invalid_argument);
}

TEST(Stage, RefusesWhatNoTableCanShowOrNobodyCanTrain) {
  for (const char* name : {"a:b", "a;b", "a#b", "a\nb", " a", "a "}) {
    EXPECT_THROW(resolve({.name = name}), std::invalid_argument) << name;
  }
  EXPECT_THROW(resolve({.epochs = 0}), std::invalid_argument);
  EXPECT_THROW(resolve({.schedule = {.power = 2}}), std::invalid_argument);
}

}  // namespace

}  // namespace margay::train
