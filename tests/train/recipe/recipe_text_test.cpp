#include "margay/train/recipe/recipe_text.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/train/recipe/recipes.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

std::string recipe_refusal(const std::string& text) {
  return thrown_message<std::invalid_argument>([&] { parse_recipe(text); });
}

TEST(RecipeText, IsAListOfStages) {
  const Stages recipe = parse_recipe(R"(# chapter 5: the final model
freeze    3 epochs  3e-3
unfreeze 12 epochs  slice(1e-6,1e-4)   # slower at the bottom

polish: freeze_to 1  2 epochs  at 1e-3  flat_cos pct_start=.5
)");
  ASSERT_EQ(recipe.size(), 3U);
  EXPECT_EQ(recipe[0], (Stage{.name = "frozen", .freeze_to = -1, .epochs = 3, .lr = 3e-3}));
  EXPECT_EQ(recipe[1],
            (Stage{.name = "unfrozen", .freeze_to = 0, .epochs = 12, .lr = LearningRate::slice(1e-6, 1e-4)}));
  EXPECT_EQ(recipe[2], (Stage{.name = "polish",
                              .freeze_to = 1,
                              .epochs = 2,
                              .lr = 1e-3,
                              .schedule = {.kind = ScheduleKind::kFlatCos, .pct_start = 0.5}}));
}

TEST(RecipeText, HoldsTheRunsOfFastAisChapter5) {
  const auto fine_tuned = [](std::int64_t epochs, double lr, std::int64_t frozen) {
    return fine_tune_recipe(epochs, {.base_lr = lr, .freeze_epochs = frozen});
  };
  // learn.fine_tune(2); fine_tune(1, base_lr=0.1); fine_tune(2, base_lr=3e-3); fine_tune(6, freeze_epochs=3)
  EXPECT_EQ(
      parse_recipe("freeze 1 epoch slice(2e-3) pct_start=.99; unfreeze 2 epochs slice(1e-5,1e-3) pct_start=.3 div=5"),
      fine_tuned(2, 2e-3, 1));
  EXPECT_EQ(parse_recipe("freeze 1 epoch slice(.1) pct_start=.99; unfreeze 1 epoch slice(5e-4,.05) pct_start=.3 div=5"),
            fine_tuned(1, 0.1, 1));
  EXPECT_EQ(parse_recipe(
                "freeze 1 epoch slice(3e-3) pct_start=.99; unfreeze 2 epochs slice(1.5e-5,1.5e-3) pct_start=.3 div=5"),
            fine_tuned(2, 3e-3, 1));
  EXPECT_EQ(
      parse_recipe("freeze 3 epochs slice(2e-3) pct_start=.99; unfreeze 6 epochs slice(1e-5,1e-3) pct_start=.3 div=5"),
      fine_tuned(6, 2e-3, 3));
  // fit_one_cycle(3, 3e-3); unfreeze(); fit_one_cycle(6, lr_max=1e-5)
  const Stages whole = parse_recipe("freeze 3 epochs at 3e-3; unfreeze 6 epochs at 1e-5");
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_EQ(whole[1].lr, LearningRate(1e-5));
}

TEST(RecipeText, SaysTheSizeOfImagesWhereItGrows) {
  const Stages recipe = parse_recipe("unfreeze 4 epochs on 128 pixels at 1e-3; 1 epoch 1e-4");
  EXPECT_EQ(recipe[0].size, 128);
  EXPECT_EQ(recipe[1].size, std::nullopt);
  EXPECT_THROW(parse_recipe("4 epochs on 128 at 1e-3"), std::invalid_argument);
  EXPECT_THROW(parse_recipe("4 epochs on 0 pixels at 1e-3"), std::invalid_argument);
}

TEST(RecipeText, LeavesGroupsAsTheyAreUnlessSaid) {
  EXPECT_EQ(parse_recipe("5 epochs 1e-3"), one_cycle_recipe(5, 1e-3));
  EXPECT_EQ(parse_recipe("7 epochs at 1e-3 sgdr"), sgdr_recipe({.cycles = 3}, 1e-3));
  EXPECT_EQ(parse_recipe("1 epoch 1e-3")[0].freeze_to, std::nullopt);
}

TEST(RecipeText, PutsBlanksWherePeoplePutThem) {
  const Stages tight = parse_recipe("freeze_to -2 1 epochs slice(1e-6,1e-4) one_cycle moms=.95,.9,.95 div=10");
  EXPECT_EQ(parse_recipe("\tfreeze_to -2   1 epoch at slice ( 1e-6 , 1e-4 ) moms = .95, .9, .95  div= 10\r\n"), tight);
  EXPECT_EQ(parse_recipe("2 epochs 1e-5, 1e-4, 1e-3")[0].lr, LearningRate::list({1e-5, 1e-4, 1e-3}));
  EXPECT_EQ(parse_recipe(";; 1 epoch 1e-3 ; # done").size(), 1U);
}

TEST(RecipeText, IsWrittenAsPeopleWrite) {
  EXPECT_EQ(recipe_text(fine_tune_recipe(2)),
            "freeze 1 epoch at slice(0.002) pct_start=0.99\n"
            "unfreeze 2 epochs at slice(1e-05,0.001) pct_start=0.3 div=5\n");
  EXPECT_EQ(recipe_text({{.name = "warm", .epochs = 3, .schedule = {.kind = ScheduleKind::kFlat, .warm_up = 0.1}}}),
            "warm: 3 epochs at 0.001 flat warm_up=0.1\n");
  EXPECT_EQ(recipe_text({{.freeze_to = -1}}), recipe_text({{.name = "frozen", .freeze_to = -1}}));
}

TEST(RecipeText, SaysWhatIsWrongInWhichLine) {
  EXPECT_EQ(recipe_refusal("freeze 1 epoch 1e-3\nunfreeze 3 epocs 1e-3"),
            "[recipe] line 2: 'epocs' after '3' where 'epochs' is expected; did you mean 'epochs'?");
  EXPECT_EQ(
      recipe_refusal("freze 3 epochs 1e-3"),
      "[recipe] line 1: 'freze' where freeze, unfreeze, freeze_to or a number of epochs is expected; did you mean "
      "'freeze'?");
  EXPECT_EQ(recipe_refusal("freeze epochs 1e-3"),
            "[recipe] line 1: 'epochs' after 'freeze' where a number of epochs is expected");
  EXPECT_EQ(recipe_refusal("freeze 3 epochs"),
            "[recipe] line 1: the stage ends after 'epochs' where a learning rate is expected");
  EXPECT_EQ(recipe_refusal("freeze_to last 3 epochs 1e-3"),
            "[recipe] line 1: 'last' after 'freeze_to' where a group (0 is the first, -1 the last) is expected");
  EXPECT_EQ(
      recipe_refusal("# a comment\n\n3 epochs at 1e-3 flatcos"),
      "[recipe] line 3: 'flatcos' after '1e-3' where a schedule (one_cycle, flat, flat_cos, sgdr, linear, cosine, "
      "exponential, polynomial) or OPTION=VALUE is expected; did you mean 'flat_cos'?");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 div=2 flat"),
            "[recipe] line 1: 'flat' after 'div=2' where OPTION=VALUE is expected");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 pctstart=.5"),
            "[recipe] line 1: one_cycle has no option 'pctstart' but pct_start, div, div_final, moms; did you mean "
            "'pct_start'?");
}

TEST(RecipeText, SaysWhichValueIsWrong) {
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 div=big"), "[recipe] line 1: div: expected a number, got 'big'");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 div="), "[recipe] line 1: div: expected a number, got ''");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 div=2 div=3"), "[recipe] line 1: div is given twice");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 moms=.9"),
            "[recipe] line 1: moms: expected three numbers, as .95,.85,.95, got '.9'");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 sgdr cycle_len=1.5"),
            "[recipe] line 1: cycle_len: expected a whole number, got '1.5'");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 flat warm_up=.1 ramp=sine"),
            "[recipe] line 1: ramp: 'sine' is none of linear, cosine");
  EXPECT_EQ(recipe_refusal("3 epochs 1e-3 flat div_final=10"),
            "[recipe] line 1: [schedule] div_final does not apply to flat, which has warm_up, div, ramp, momentum");
  EXPECT_EQ(recipe_refusal("3 epochs fast"),
            "[recipe] line 1: [learning rate] 'fast' is none of 1e-3, slice(1e-3), slice(1e-6,1e-4), decay(1e-3,0.5), "
            "1e-5,1e-4,1e-3");
  EXPECT_EQ(recipe_refusal(": 3 epochs 1e-3"), "[recipe] line 1: there is no name before ':'");
}

TEST(RecipeText, RefusesWhatHasNoStage) {
  for (const char* text : {"", "\n\n", "# only this", " ; ; "}) {
    EXPECT_EQ(recipe_refusal(text), "[recipe] there is no stage; write lines such as 'freeze 3 epochs at 3e-3'");
  }
}

}  // namespace
}  // namespace margay::train
