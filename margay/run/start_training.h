#pragma once

#include <filesystem>

#include "margay/core/options.h"
#include "margay/run/observer.h"
#include "margay/run/train_options.h"
#include "margay/run/training_run.h"

namespace margay::run {

/// Trains in a run folder of its own, as often as options.repeats says, one repeat after the other. cache_folder: as
/// for make_loaders and resolve_weights; may be empty. Throws std::invalid_argument for settings that cannot work,
/// before a folder is made, and as TrainingRun::train.
Outcome start_training(const TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer);

/// What may change when a run goes on.
struct ResumeOptions {
  std::filesystem::path resume;
  double lr_factor = 1;

  static const core::OptionTable& fields();
};

/// Goes on from the newest whole checkpoint of the run, with the run's own settings.
/// runs: the folder in which a run that is no path is looked for.
Outcome resume_training(const ResumeOptions& options, const std::filesystem::path& runs,
                        const std::filesystem::path& cache_folder, Observer& observer);

}  // namespace margay::run
