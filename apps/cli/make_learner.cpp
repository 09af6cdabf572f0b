#include "apps/cli/make_learner.h"

#include "margay/train/batch_loss.h"
#include "margay/train/callback/monitor.h"
#include "margay/train/distillation.h"

namespace margay::cli {

train::Learner make_learner(const TrainOptions& options, train::PretrainedWeights weights) {
  train::Learner learner =
      train::vision_learner(make_loaders(options.batch), options.arch, options.vision_learner, weights);
  if (!options.distillation.teacher.empty()) {
    learner.set_training_loss(train::Distillation(options.distillation, learner.loaders(), learner.device(),
                                                  learner.precision(), train::training_loss(learner.loss())));
  }
  learner.check(recipe_of(options));
  if (is_monitored(options.listeners)) train::Monitor(options.listeners.monitor).check(learner);
  return learner;
}

}  // namespace margay::cli
