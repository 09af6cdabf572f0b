#include "margay/train/recipe/stage.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace margay::train {
namespace {

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
