#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/chart/line_chart.h"
#include "margay/core/error.h"
#include "margay/run/listeners.h"
#include "margay/run/observer.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_listing.h"
#include "margay/run/train_options.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "margay/train/lr_find/lr_find.h"

namespace margay::run {

/// Sweeps the learning rate and announces the progress. Throws core::Interrupted when the observer of any process of
/// the learner's group wants a stop, and as lr_find; in every case the learner is left as it was.
train::LrFindResult search_lr(train::Learner& learner, Observer& observer, const train::LrSweepOptions& options = {});

/// The rate that the method `valley` suggests. Throws core::Error if the curve has no valley.
double suggested_lr(train::Learner& learner, Observer& observer);

/// The newest complete checkpoint of a run, and the problems of those that were skipped.
struct NewestCheckpoint {
  std::optional<train::CheckpointFolder::Found> found;
  std::vector<std::string> problems;
};

NewestCheckpoint newest_checkpoint(const RunFolder& folder, const TrainOptions& options);

/// A training that ended early and can continue from its folder's newest checkpoint.
class RunError : public core::Error {
 public:
  enum class Reason { kDiverged, kOutOfMemory, kModelNotSaved };

  RunError(Reason reason, std::filesystem::path folder, const std::string& message)
      : core::Error(message), reason_(reason), folder_(std::move(folder)) {}

  Reason reason() const { return reason_; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  Reason reason_;
  std::filesystem::path folder_;
};

/// How a training ended.
enum class Outcome { kDone, kInterrupted };

/// A learner, the folder in which it trains, and its listeners. Of several processes only that of rank 0 writes into
/// the folder.
class TrainingRun {
 public:
  /// learner: made with these options. observer: must outlive the run.
  TrainingRun(TrainOptions options, train::Learner learner, RunFolder folder, Observer& observer);

  /// Writes the settings and the split; call it before the first step.
  void record() const;
  /// Restores the checkpoint. Throws core::DataError, naming what differs, if the images are not those of the run.
  void restore(const NewestCheckpoint& newest, double lr_factor);
  /// Writes the settings, after what the run reads has moved.
  void record_settings() const { folder_.write_config(core::to_json(options_)); }
  /// Throws RunError, and whatever stops a training; the list of runs then says so.
  Outcome train();

 private:
  bool is_first() const { return learner_.group().rank() == 0; }
  void finish_listing(RunStatus status, const std::string& message = "",
                      std::optional<std::size_t> saved_epoch = std::nullopt);
  void finish_model();
  void announce_start() const;
  void listen();
  void find_lr();
  void check_split() const;
  const train::EpochRecord* results() const;
  void save_model(data::Unread unread);
  void judge_tuning();
  void save_checkpoint();
  void keep_pretrained_start();
  void save_charts(const std::vector<chart::LineChart>& charts) const;
  void keep(const std::string& why);
  void train_all();
  void end(const std::string& interruption, std::vector<chart::LineChart> charts) const;

  TrainOptions options_;
  RunFolder folder_;
  Observer* observer_;
  train::CheckpointFolder checkpoints_;
  train::Learner learner_;
  std::shared_ptr<RunListing> listing_;        ///< null unless this is rank 0
  std::shared_ptr<train::TuningGuard> guard_;  ///< null unless the training begins at a probe
  Listeners listeners_;
  std::string judgement_;                    ///< Ended::judgement
  std::optional<train::EpochRecord> final_;  ///< set if the saved model is not that of the last epoch
  std::optional<std::size_t> saved_epoch_;   ///< set if it is that of an earlier one: its position in the history
};

}  // namespace margay::run
