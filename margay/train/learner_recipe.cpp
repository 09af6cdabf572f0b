#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/train/learner.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/recipe/recipes.h"

namespace margay::train {

void Learner::fit_one_cycle(std::int64_t epochs, const LearningRate& lr_max, const OneCycleShape& shape) {
  run(one_cycle_recipe(epochs, lr_max, shape));
}

void Learner::fit_flat_cos(std::int64_t epochs, const LearningRate& lr, const FlatCosShape& shape) {
  run(flat_cos_recipe(epochs, lr, shape));
}

void Learner::fit_sgdr(const SgdrShape& shape, const LearningRate& lr_max) { run(sgdr_recipe(shape, lr_max)); }

void Learner::fine_tune(std::int64_t epochs, const FineTuneOptions& options) { run(fine_tune_recipe(epochs, options)); }

namespace {

/// The stages with names of their own: the second "one_cycle" is "one_cycle 2".
Stages resolved(const Stages& recipe) {
  Stages stages;
  std::map<std::string, int> seen;
  for (const Stage& stage : recipe) {
    stages.push_back(resolve(stage));
    const int count = ++seen[stages.back().name];
    if (count > 1) stages.back().name += fmt::format(" {}", count);
  }
  return stages;
}

}  // namespace

struct Learner::StagePlan {
  FitPlan fit;
  std::optional<int> first_group;
  data::Loaders loaders;
};

void Learner::check_size(const Stage& stage) const {
  const std::optional<std::int64_t> only = classifier_->backbone().only_px();
  if (!only || !stage.size || *stage.size == *only) return;
  throw std::invalid_argument(fmt::format("[recipe] {} is made for images of {} pixels and cannot train on {}",
                                          classifier_->options().architecture, *only, *stage.size));
}

std::vector<Learner::StagePlan> Learner::plan(const Stages& stages, std::optional<double> seconds) const {
  double epochs = 0;
  for (const Stage& stage : stages) epochs += static_cast<double>(stage.epochs);
  std::vector<StagePlan> plans;
  for (const Stage& stage : stages) {
    check_size(stage);
    FitPlan fit{.stage = stage.name, .epochs = stage.epochs, .schedule = hyper_schedule(stage, num_groups())};
    if (seconds) fit.seconds = *seconds * static_cast<double>(stage.epochs) / epochs;
    plans.push_back({std::move(fit), first_trained_group(stage, num_groups()),
                     stage.size ? data::resized(given_, *stage.size) : given_});
  }
  return plans;
}

void Learner::check_resumed(const std::string& recipe) const {
  if (!is_resuming_ || training_state_.recipe.empty() || training_state_.recipe == recipe) return;
  throw std::invalid_argument(fmt::format("[recipe] training stood in the recipe\n{}\nwhich this one cannot go on:\n{}",
                                          training_state_.recipe, recipe));
}

void Learner::check(const Stages& recipe) const {
  const Stages stages = resolved(recipe);
  plan(stages, std::nullopt);
  check_resumed(recipe_text(stages));
}

void Learner::run(const Stages& recipe, std::optional<double> seconds) {
  refuse_within_fit("run");
  const Stages stages = resolved(recipe);
  const std::vector<StagePlan> plans = plan(stages, seconds);
  const std::string text = recipe_text(stages);
  check_resumed(text);
  training_state_.recipe = text;
  const std::size_t first = is_resuming_ ? training_state_.stage_index : 0;
  if (first >= plans.size()) throw std::invalid_argument("[run] the recipe has no stage to go on with");
  for (std::size_t i = first; i < plans.size(); ++i) {
    training_state_.stage_index = i;
    loaders_ = plans[i].loaders;
    if (plans[i].first_group) freeze_to(*plans[i].first_group);
    fit(plans[i].fit);
  }
  training_state_.stage_index = 0;
  training_state_.recipe.clear();
}

}  // namespace margay::train
