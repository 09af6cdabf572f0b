#pragma once

#include <filesystem>

#include "apps/cli/train_options.h"
#include "margay/core/error.h"
#include "margay/core/options.h"

namespace margay::cli {

/// Trains in a new run folder, options.repeats times.
core::ExitCode start_training(const TrainOptions& options);

/// The options for resuming a run.
struct ResumeOptions {
  std::filesystem::path resume;
  double lr_factor = 1;

  static const core::OptionTable& fields();
};

/// Continues from the newest complete checkpoint of the run, with the run's own settings. runs: the folder in which a
/// run that is not a path is searched.
core::ExitCode resume_training(const ResumeOptions& options, const std::filesystem::path& runs);

}  // namespace margay::cli
