#include <stdexcept>

#include "margay/train/learner.h"
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

void Learner::run(const Stages& recipe, std::optional<double> seconds) {
  Stages stages;
  double epochs = 0;
  for (const Stage& stage : recipe) {
    stages.push_back(resolve(stage));
    epochs += static_cast<double>(stage.epochs);
  }
  const std::size_t first = is_resuming_ ? standing_.stage_index : 0;
  if (first >= stages.size()) throw std::invalid_argument("[run] the recipe has no stage to go on with");
  const data::Loaders given = loaders_;
  for (std::size_t i = first; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    standing_.stage_index = i;
    loaders_ = stage.size ? data::resized(given, *stage.size) : given;
    if (const std::optional<int> group = first_trained_group(stage, num_groups())) freeze_to(*group);
    FitPlan plan{.stage = stage.name, .epochs = stage.epochs, .schedule = hyper_schedule(stage, num_groups())};
    if (seconds) plan.seconds = *seconds * static_cast<double>(stage.epochs) / epochs;
    fit(plan);
  }
  standing_.stage_index = 0;
}

}  // namespace margay::train
