#include "margay/train/learner.h"

namespace margay::train {

void Learner::fit_one_cycle(std::int64_t epochs, const LearningRate& lr_max, const OneCycleShape& shape) {
  fit(epochs, one_cycle(lr_max.for_groups(num_groups()), shape), "one_cycle");
}

void Learner::fine_tune(std::int64_t epochs, const FineTuneOptions& options) {
  core::validate(options);
  if (options.freeze_epochs > 0) {
    freeze();
    const LearningRate lr = LearningRate::slice(options.base_lr);
    fit(options.freeze_epochs, one_cycle(lr.for_groups(num_groups()), {.pct_start = 0.99}), "frozen");
  }
  unfreeze();
  const double peak = options.base_lr / 2;
  const LearningRate lr = LearningRate::slice(peak / options.lr_mult, peak);
  fit(epochs, one_cycle(lr.for_groups(num_groups()), {.pct_start = options.pct_start, .div = options.div}), "unfrozen");
}

}  // namespace margay::train
