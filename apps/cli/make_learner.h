#pragma once

#include "apps/cli/train_options.h"
#include "margay/train/learner.h"

namespace margay::cli {

/// The learner that the options ask for. Whatever is wrong with data and settings is thrown here, before a folder is
/// made for a run that cannot begin: as Loaders, vision_learner, Distillation, Learner::check and Monitor::check.
train::Learner make_learner(const TrainOptions& options);

}  // namespace margay::cli
