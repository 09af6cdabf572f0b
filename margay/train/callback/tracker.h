#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "margay/core/options.h"
#include "margay/metric/metric.h"
#include "margay/train/callback/callback.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/progress.h"

namespace margay::train {

class Learner;

struct MonitorOptions {
  std::string monitor = "valid_loss";
  double min_delta = 0;

  static const core::OptionTable& fields();
};

/// Monitors one number of the history and tells when it is better than ever before.
class Monitor {
 public:
  /// Throws std::invalid_argument for a min_delta out of range.
  explicit Monitor(const MonitorOptions& options = {});

  /// Throws std::invalid_argument, listing the available numbers, for an unknown name or for a number of validation if
  /// there is no validation set.
  void check(const Learner& learner) const;
  /// Whether the record is better than the best one so far by more than min_delta; it then becomes the best one.
  /// Non-finite values are never better. metrics: those of the record. Throws std::invalid_argument for an unknown
  /// name.
  bool improves(const EpochRecord& record, const metric::Metrics& metrics);

  const std::string& name() const { return options_.monitor; }
  /// The value of the best record so far; nothing before the first.
  std::optional<double> best() const { return best_; }
  /// Forgets the best record.
  void reset() { best_.reset(); }

  nlohmann::ordered_json state() const;
  /// Throws core::FormatError, naming `source`, for a state that is not of a monitor of this name.
  void load_state(const nlohmann::ordered_json& state, const std::filesystem::path& source);

 private:
  MonitorOptions options_;
  std::optional<double> best_;
};

struct EarlyStoppingOptions {
  std::int64_t stop_patience = 3;

  static const core::OptionTable& fields();
};

/// Ends a fit whose results no longer improve. Each fit is judged separately.
class EarlyStopping : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit EarlyStopping(const MonitorOptions& monitor = {}, const EarlyStoppingOptions& options = {});

  /// Throws as Monitor::check.
  void before_fit(Learner& learner, const Progress& at) override;
  void before_epoch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  /// Whether it ended the last fit.
  bool has_stopped() const { return idle_epochs_ >= options_.stop_patience; }
  /// Epochs in a row without an improvement.
  std::int64_t idle_epochs() const { return idle_epochs_; }

  std::string state_name() const override { return "early_stopping"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  Monitor monitor_;
  EarlyStoppingOptions options_;
  std::int64_t idle_epochs_ = 0;
};

/// A warning against early stopping under this schedule ("one_cycle", "fine_tune", "cosine", …), or nothing if the rate
/// does not fall at the end ("flat"). Source: the fast.ai book, chapter 5, "Selecting the Number of Epochs".
std::optional<std::string> early_stopping_warning(const std::string& schedule);

struct KeepBestOptions {
  bool restore_best = false;

  static const core::OptionTable& fields();
};

/// Writes the model whenever an epoch is better than all before it, over all fits.
class KeepBest : public Callback {
 public:
  /// write: calls learner.save(path), save_checkpoint or the like; null writes nothing. Its exceptions end the run, so
  /// it must handle a full disk itself. average: the average whose weights are validated, or null; the best weights are
  /// then the averaged ones, not the raw ones. Throws std::invalid_argument for options out of range.
  KeepBest(const MonitorOptions& monitor, std::function<void(Learner&)> write, const KeepBestOptions& options = {},
           std::shared_ptr<WeightAverage> average = nullptr);

  /// Throws as Monitor::check, and core::FormatError for best weights that came from a checkpoint of another model.
  void before_fit(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;
  void after_fit(Learner& learner, const Progress& at) override;

  /// The monitored value of the best epoch; nothing before the first.
  std::optional<double> best() const { return monitor_.best(); }
  /// Puts the best weights into the model; returns false if there are none. Throws core::FormatError for weights that
  /// came from a checkpoint of another model.
  bool restore(Learner& learner) const;

  std::string state_name() const override { return "keep_best"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  void keep(Learner& learner);

  Monitor monitor_;
  std::function<void(Learner&)> write_;
  KeepBestOptions options_;
  std::shared_ptr<WeightAverage> average_;
  model::TensorMap weights_;      ///< copies; empty unless they will be restored
  std::filesystem::path source_;  ///< the file they came from, for messages
};

struct ReduceOnPlateauOptions {
  double plateau_factor = 0.1;
  std::int64_t plateau_patience = 2;
  double plateau_min_lr = 0;

  static const core::OptionTable& fields();
};

/// Multiplies the schedule's learning rates by a factor when results no longer improve, and then waits as long again.
/// Each fit begins with the rates of its schedule. It owns the learner's lr_factor and overwrites other changes to it.
class ReduceOnPlateau : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit ReduceOnPlateau(const MonitorOptions& monitor = {}, const ReduceOnPlateauOptions& options = {});

  /// Throws as Monitor::check.
  void before_fit(Learner& learner, const Progress& at) override;
  void before_epoch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  std::string state_name() const override { return "reduce_on_plateau"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  double reduced(double lr) const;

  Monitor monitor_;
  ReduceOnPlateauOptions options_;
  std::int64_t idle_epochs_ = 0;
  double lr_factor_ = 1;
};

}  // namespace margay::train
