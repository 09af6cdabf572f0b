#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/listeners.h"
#include "apps/cli/run_folder.h"
#include "apps/cli/train_options.h"
#include "margay/chart/line_chart.h"
#include "margay/core/error.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "margay/train/lr_find/lr_find.h"

namespace margay::cli {

/// Runs lr_find with a progress line. Throws core::Interrupted if a stop is requested, and as lr_find. The learner is
/// restored in any case.
train::LrFindResult search_lr(train::Learner& learner, const train::LrSweepOptions& options = {});

/// The learning rate that `valley` suggests. Throws core::Error if the curve has no valley.
double suggested_lr(train::Learner& learner);

/// The newest complete checkpoint of a run, and the problems of others.
struct NewestCheckpoint {
  std::optional<train::CheckpointFolder::Found> found;
  std::vector<std::string> problems;
};

NewestCheckpoint newest_checkpoint(const RunFolder& folder, const TrainOptions& options);

/// A learner, its run folder, and its callbacks.
class TrainingRun {
 public:
  /// learner: that of make_learner, with these options.
  TrainingRun(TrainOptions options, train::Learner learner, RunFolder folder);

  /// Writes the settings and the split, before the first step.
  void record() const;
  /// Restores the checkpoint. Throws core::DataError if the images are not those that the run began with.
  void restore(const NewestCheckpoint& newest, double lr_factor);
  core::ExitCode train();

 private:
  void announce() const;
  void listen();
  void find_lr();
  void check_split() const;
  const train::EpochRecord* results() const;
  void save_model();
  void save_charts(const std::vector<chart::LineChart>& charts) const;
  void keep(const std::string& why);
  void report() const;

  TrainOptions options_;
  RunFolder folder_;
  train::CheckpointFolder checkpoints_;
  train::Learner learner_;
  std::shared_ptr<RunListing> listing_;
  Listeners listeners_;
  std::optional<train::EpochRecord> final_;  ///< of the saved model, if it is not that of the last epoch
};

}  // namespace margay::cli
