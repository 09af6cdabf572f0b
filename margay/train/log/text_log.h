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

/// Called once if a log cannot be written (disk full, no permission). May be empty.
using LogFailureListener = std::function<void(const core::IoError&)>;

/// Keeps a log's failures from stopping the training: the first one goes to the listener, the others are ignored.
/// Writing is tried again each time, because space may become free.
class LogFailure {
 public:
  explicit LogFailure(LogFailureListener listener) : listener_(std::move(listener)) {}

  /// Calls the function that writes; only exceptions other than core::IoError pass through.
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

/// The options of logs of single steps.
struct LogOptions {
  std::int64_t log_every = 1;  ///< every this many training steps one is written, at least 1

  static const core::OptionTable& fields();
};

/// The learner's history as a table, one line per epoch:
/// stage,epoch,train_loss,valid_loss,<metrics>,seconds,train_images_per_s,wait_share. Missing numbers are "nan". Names
/// are quoted as RFC 4180 says.
std::string history_csv(const Learner& learner);

/// Writes history_csv to a file, which is replaced after every epoch, so readers see complete lines, and killing the
/// program loses only the current epoch. A learner with a restored history continues its table. A file that cannot be
/// written does not stop the training; `on_failure` is called once.
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
/// step: training steps so far, over all fits, from 1; epoch: of the fit, from 0; lr: of the last group. Non-finite
/// numbers are null. A line is in the file as soon as its step is done.
///
/// A new log replaces a file of its name. A log whose state was loaded cuts the file to its length at the checkpoint
/// and continues, so that the log equals that of an uninterrupted training, except for the times. For that it must be
/// added before the callback that saves checkpoints. A file that cannot be written does not stop the training:
/// `on_failure` is called once, and the lines are missing.
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
