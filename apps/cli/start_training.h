#pragma once

#include <filesystem>
#include <tuple>

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

  static constexpr const char* kName = "resume";
  static constexpr auto fields() {
    return std::tuple{
        core::field("resume", &ResumeOptions::resume,
                    "go on with an interrupted run: its folder, or its id or name in the folder of --runs; only "
                    "--lr-factor may stand beside them"),
        core::field("lr_factor", &ResumeOptions::lr_factor,
                    "with --resume: multiplies the learning rates from there on; for a run that diverged",
                    {1e-6, 1e3})};
  }
};

/// Goes on from the newest checkpoint of the run that is whole, with the run's own settings.
/// runs: the folder in which a run that is no path is looked for.
core::ExitCode resume_training(const ResumeOptions& options, const std::filesystem::path& runs);

}  // namespace margay::cli
