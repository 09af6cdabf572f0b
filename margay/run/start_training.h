#pragma once

#include <filesystem>

#include "margay/core/options.h"
#include "margay/run/observer.h"
#include "margay/run/train_options.h"
#include "margay/run/training_run.h"

namespace margay::run {

/// Trains options.repeats times, one after the other, each in its own run folder. cache_folder: as for make_loaders and
/// resolve_weights; may be empty. Throws std::invalid_argument for settings that cannot work, before any folder is
/// made, and as TrainingRun::train.
Outcome start_training(const TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer);

/// The options for resuming a run.
struct ResumeOptions {
  std::filesystem::path resume;
  double lr_factor = 1;

  static const core::OptionTable& fields();
};

/// Continues from the newest complete checkpoint of the run, with the run's own settings.
/// runs: the folder in which a run that is no path is looked for.
Outcome resume_training(const ResumeOptions& options, const std::filesystem::path& runs,
                        const std::filesystem::path& cache_folder, Observer& observer);

}  // namespace margay::run
