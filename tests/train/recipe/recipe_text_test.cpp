#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/train/recipe/recipe_text.h"
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
  EXPECT_EQ(recipe_refusal("freze 3 epochs 1e-3"),
            "[recipe] line 1: 'freze' where probe, freeze, unfreeze, freeze_to or a number of epochs is expected; did "
            "you mean "
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

/// Any double between the two, with all its digits.
double any_between(double low, double high) {
  const auto draw = *rc::gen::arbitrary<std::uint32_t>();
  return low + (high - low) * (static_cast<double>(draw) / 4294967295.0);
}

double any_rate() { return std::pow(10, any_between(-12, 3)); }

LearningRate any_lr() {
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return any_rate();
    case 1:
      return LearningRate::slice(any_rate());
    case 2:
      return LearningRate::slice(any_rate(), any_rate());
    case 3:
      return LearningRate::list({any_rate(), any_rate(), any_rate()});
    default:
      return LearningRate::decay(any_rate(), any_between(0.01, 1));
  }
}

void set_value(const core::FieldType& type, void* value) {
  switch (type.kind) {
    case core::FieldType::Kind::kList:
      *static_cast<Momentums*>(value) = {any_between(0, 0.99), any_between(0, 0.99), any_between(0, 0.99)};
      return;
    case core::FieldType::Kind::kName:
      return type.set_name(value, *rc::gen::elementOf(type.names()));
    case core::FieldType::Kind::kInteger:
      type.set_integer(value, *rc::gen::inRange<std::int64_t>(1, 5));
      return;
    default:
      *static_cast<double*>(value) = any_between(0.001, 0.999);
  }
}

/// A random choice of the options that the kind has.
ScheduleOptions any_schedule() {
  ScheduleOptions options{
      .kind = *rc::gen::elementOf(std::vector{ScheduleKind::kOneCycle, ScheduleKind::kFlat, ScheduleKind::kFlatCos,
                                              ScheduleKind::kSgdr, ScheduleKind::kLinear, ScheduleKind::kCosine,
                                              ScheduleKind::kExponential, ScheduleKind::kPolynomial})};
  const std::vector<std::string> known = options_of(options.kind);
  for (const core::Field& field : ScheduleOptions::fields()) {
    const bool is_known = std::find(known.begin(), known.end(), field.name) != known.end();
    if (is_known && *rc::gen::arbitrary<bool>())
      set_value(*field.type->element, field.type->append(field.of(&options)));
  }
  if (options.div) options.div = any_between(1, 1e6);
  if (options.div_final) options.div_final = any_between(1, 1e12);
  if (options.power) options.power = any_between(0.01, 100);
  if (options.kind == ScheduleKind::kOneCycle || options.warm_up) return options;
  options.div.reset();  // of a warm-up that is not there
  options.ramp.reset();
  return options;
}

Stage any_stage() {
  Stage stage{.lr = any_lr(), .schedule = any_schedule()};
  if (*rc::gen::arbitrary<bool>()) stage.freeze_to = *rc::gen::inRange(-4, 5);
  if (*rc::gen::arbitrary<bool>()) stage.size = *rc::gen::inRange(1, 1000);
  if (*rc::gen::arbitrary<bool>()) {
    stage.name = *rc::gen::elementOf(std::vector<std::string>{"frozen", "unfrozen", "flat", "the head = alone",
                                                              "3 epochs", "freeze", "étape", "a (b)", "from group 2"});
  }
  if (stage.schedule.kind == ScheduleKind::kSgdr) {
    stage.epochs = sgdr_epochs({.cycles = *rc::gen::inRange<std::int64_t>(1, 6),
                                .cycle_len = stage.schedule.cycle_len.value_or(1),
                                .cycle_mult = stage.schedule.cycle_mult.value_or(2)});
  } else {
    stage.epochs = *rc::gen::inRange<std::int64_t>(1, 1000);
  }
  return resolve(stage);
}

RC_GTEST_PROP(RecipeTextProperty, IsReadBackAsItWas, ()) {
  Stages recipe;
  const int stages = *rc::gen::inRange(1, 5);
  for (int i = 0; i < stages; ++i) recipe.push_back(any_stage());
  const std::string text = recipe_text(recipe);
  RC_LOG() << text;
  RC_ASSERT(parse_recipe(text) == recipe);
  RC_ASSERT(recipe_text(parse_recipe(text)) == text);
}

RC_GTEST_PROP(RecipeTextProperty, IsReadOrRefusedWhateverStandsThere, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
      std::vector<std::string>{"freeze", "unfreeze",    "freeze_to", "3", "-1", "epochs",      "at",   "1e-3",
                               "slice(", "slice(1e-3)", ")",         ",", "=",  "sgdr",        "flat", "warm_up=.1",
                               "div=2",  ";",           ":",         "#", "\n", "99999999999", "name:"}));
  try {
    RC_ASSERT(!parse_recipe(fmt::format("{}", fmt::join(words, " "))).empty());
  } catch (const std::invalid_argument& error) {
    RC_ASSERT(std::string(error.what()).starts_with("[recipe] "));
  }
}

}  // namespace

}  // namespace margay::train
