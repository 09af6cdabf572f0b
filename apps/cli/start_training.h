#pragma once

#include <filesystem>

#include "apps/cli/train_options.h"
#include "margay/core/error.h"
#include "margay/core/options.h"

namespace margay::cli {

/// Trains in a run folder of its own, as often as options.repeats says.
core::ExitCode start_training(const TrainOptions& options);

/// What may change when a run goes on.
struct ResumeOptions {
  std::filesystem::path resume;
  double lr_factor = 1;

  static const core::OptionTable& fields();
};

/// Goes on from the newest checkpoint of the run that is whole, with the run's own settings.
/// runs: the folder in which a run that is no path is looked for.
core::ExitCode resume_training(const ResumeOptions& options, const std::filesystem::path& runs);

}  // namespace margay::cli
