#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "margay/collective/group.h"
#include "margay/core/options.h"
#include "margay/run/moved_files.h"
#include "margay/run/observer.h"
#include "margay/run/train_options.h"
#include "margay/run/training_run.h"

namespace margay::run {

/// Trains options.repeats times, one after the other, each in its own run folder. cache_folder: as for make_loaders and
/// resolve_weights; may be empty. group: the processes that train together, which all call this with the same options;
/// that of rank 0 makes the folder and writes into it. Throws std::invalid_argument for settings that cannot work,
/// before any folder is made, and as TrainingRun::train.
Outcome start_training(const TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                       std::shared_ptr<collective::Group> group = collective::one_process());

/// The newest run in the folder of runs that belongs to this start by a launcher (TrainOptions::launch); "" for none.
std::filesystem::path run_of_launch(const std::filesystem::path& runs, const std::string& launch);

/// The options for resuming a run.
struct ResumeOptions {
  std::filesystem::path resume;
  std::filesystem::path data;
  double lr_factor = 1;
  MovedFiles moved;  ///< the new places of other files than the images; no field of the table

  static const core::OptionTable& fields();
};

/// Continues from the newest complete checkpoint of the run, with the run's own settings. What the run reads may have
/// moved (find_moved_files); its config.json then gets the new places. A run that is finished is left as it is, and the
/// observer is told. Throws core::DataError if the images, labels or split are others than the run began with.
/// runs: the folder in which a run that is no path is looked for. group: as for start_training, of as many processes as
/// before or not; all of them read the run's folder.
Outcome resume_training(const ResumeOptions& options, const std::filesystem::path& runs,
                        const std::filesystem::path& cache_folder, Observer& observer,
                        std::shared_ptr<collective::Group> group = collective::one_process());

}  // namespace margay::run
