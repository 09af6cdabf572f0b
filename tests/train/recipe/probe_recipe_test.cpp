#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/train/recipe/recipe_text.h"
#include "margay/train/recipe/recipes.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

std::string probe_recipe_refusal(const std::string& text) {
  return thrown_message<std::invalid_argument>([&] { parse_recipe(text); });
}

TEST(ProbeRecipe, IsAProbeAndThenAllLayers) {
  const Stages recipe = probe_recipe(2, {.tune_lr = 1e-4, .tune_lr_mult = 10});
  ASSERT_EQ(recipe.size(), 2U);
  EXPECT_EQ(recipe[0].type, StageKind::kProbe);
  EXPECT_EQ(recipe[0].epochs, 0);
  EXPECT_EQ(recipe[0].name, "probe");
  EXPECT_EQ(recipe[1], (Stage{.name = "unfrozen", .freeze_to = 0, .epochs = 2, .lr = LearningRate::slice(1e-5, 1e-4)}));
  EXPECT_TRUE(begins_with_probe(recipe));
  EXPECT_FALSE(begins_with_probe(fine_tune_recipe(2)));
}

TEST(ProbeRecipe, IsAlsoALineOfARecipe) {
  EXPECT_EQ(parse_recipe("probe\nunfreeze 2 epochs at slice(1e-5,1e-4)"), probe_recipe(2));
  const std::string text = "closed form: probe\nunfreeze 1 epoch on 160 pixels at 0.0001\n";
  EXPECT_EQ(recipe_text(parse_recipe(text)), text);
  EXPECT_EQ(parse_recipe(recipe_text(probe_recipe(3))), probe_recipe(3));
}

TEST(ProbeRecipe, RefusesAProbeThatIsNotFirstOrAlone) {
  EXPECT_NE(probe_recipe_refusal("unfreeze 1 epoch at 1e-3; probe").find("must be the first stage, but stage 2"),
            std::string::npos);
  EXPECT_NE(probe_recipe_refusal("probe; probe; freeze 1 epoch at 1e-3").find("must be the first stage"),
            std::string::npos);
  EXPECT_NE(probe_recipe_refusal("probe").find("nothing trains after the probe"), std::string::npos);
}

TEST(ProbeRecipe, RefusesAProbeWithEpochsRatesOrSizes) {
  EXPECT_NE(probe_recipe_refusal("probe 3 epochs at 1e-3; freeze 1 epoch at 1e-3").find("the end of the stage"),
            std::string::npos);
  EXPECT_THROW(resolve(Stage{.type = StageKind::kProbe, .epochs = 3}), std::invalid_argument);
  EXPECT_THROW(resolve(Stage{.type = StageKind::kProbe, .size = 128}), std::invalid_argument);
  EXPECT_THROW(resolve(Stage{.type = StageKind::kProbe, .freeze_to = 0}), std::invalid_argument);
  EXPECT_THROW(probe_recipe(0), std::invalid_argument);
  EXPECT_THROW(probe_recipe(1, {.tune_lr = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
