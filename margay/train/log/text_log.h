#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/train/callback/callback.h"
#include "margay/train/log/record_file.h"

namespace margay::train {

/// Hears once of a log that could not be written (disk full, no rights). May be empty.
using LogFailureListener = std::function<void(const core::IoError&)>;

/// Keeps a log's failures away from the training: the first goes to the listener, the others are known by then.
/// Whoever writes a log goes on trying, because a full disk may be emptied.
class LogFailure {
 public:
  explicit LogFailure(LogFailureListener listener) : listener_(std::move(listener)) {}

  /// Runs what writes; throws what is no core::IoError.
  template <class Write>
  void guard(Write&& write) {
    try {
      write();
    } catch (const core::IoError& error) {
      if (!std::exchange(has_told_, true) && listener_) listener_(error);
    }
  }

 private:
  LogFailureListener listener_;
  bool has_told_ = false;
};

/// What the logs of single steps have in common.
struct LogOptions {
  std::int64_t log_every = 1;  ///< training steps between two that are written, at least 1

  static const core::OptionTable& fields();
};

/// The learner's history as a table, one line per epoch:
/// stage,epoch,train_loss,valid_loss,<metrics>,seconds,train_images_per_s,wait_share. What there is no number for is
/// "nan". Names are quoted as RFC 4180 says.
std::string history_csv(const Learner& learner);

/// Keeps history_csv in a file, which is replaced after every epoch: whoever reads it sees whole lines, and who kills
/// the program loses the epoch under way. A learner whose history was restored goes on with the table as it was. A file
/// that cannot be written does not stop the training; `on_failure` hears of it once.
class CsvLog : public Callback {
 public:
  CsvLog(std::filesystem::path path, LogFailureListener on_failure)
      : path_(std::move(path)), failure_(std::move(on_failure)) {}

  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

 private:
  std::filesystem::path path_;
  LogFailure failure_;
};

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
