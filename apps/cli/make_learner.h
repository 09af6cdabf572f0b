#pragma once

#include "apps/cli/train_options.h"
#include "margay/train/vision_learner.h"

namespace margay::cli {

/// The learner that the options ask for. Whatever is wrong with data and settings is thrown here, before a folder is
/// made for a run that cannot begin: as Loaders, vision_learner, Distillation, Learner::check and Monitor::check.
train::Learner make_learner(const TrainOptions& options,
                            train::PretrainedWeights weights = train::PretrainedWeights::kRead);

}  // namespace margay::cli
