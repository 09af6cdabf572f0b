#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/train/recipe/recipe_text.h"

namespace margay::train {
namespace {

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
