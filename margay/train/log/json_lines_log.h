#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "margay/train/callback/callback.h"
#include "margay/train/log/log_failure.h"
#include "margay/train/log/log_options.h"
#include "margay/train/log/record_file.h"

namespace margay::train {

/// One JSON object a line. For every options.log_every-th training step
///     {"step", "stage", "epoch", "loss", "smooth_loss", "lr", "momentum", "images_per_s"}
/// and for every epoch
///     {"step", "stage", "epoch", "train_loss", "valid_loss", "metrics": {name: value}, "seconds",
///      "train_images_per_s", "wait_share"}
/// step: training steps so far, over all fits, from 1; epoch: of the fit, from 0; lr: of the last group. What is no
/// finite number is null. A line is in the file as soon as its step is done.
///
/// A new log replaces a file of its name. One whose state was loaded cuts the file to what it was at the checkpoint and
/// goes on: the log is then that of a training never interrupted, but for the times. For that it must be added before
/// the callback that saves checkpoints. A file that cannot be written does not stop the training: `on_failure` hears of
/// it once, and the lines are missing.
class JsonLinesLog : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range. The file is made with the first line.
  JsonLinesLog(std::filesystem::path path, LogFailureListener on_failure, const LogOptions& options = {});

  void after_batch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  std::string state_name() const override { return "json_lines_log"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  void write(const nlohmann::ordered_json& line);
  RecordFile& file();

  std::filesystem::path path_;
  LogFailure failure_;
  LogOptions options_;
  std::int64_t step_ = 0;
  std::uint64_t kept_bytes_ = 0;  ///< of a file not opened yet
  std::optional<RecordFile> file_;
};

}  // namespace margay::train
