#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "margay/train/callback/callback.h"
#include "margay/train/callback/monitor.h"

namespace margay::train {

struct EarlyStoppingOptions {
  std::int64_t stop_patience = 3;

  static const core::OptionTable& fields();
};

/// Ends a fit whose results no longer improve. Each fit is judged on its own.
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

/// Why not to stop early under a schedule of this name ("one_cycle", "fine_tune", "cosine", …), or nothing where the
/// rate does not come down in the end ("flat"). Source: the fast.ai book, chapter 5, "Selecting the
/// Number of Epochs".
std::optional<std::string> early_stopping_warning(const std::string& schedule);

}  // namespace margay::train
