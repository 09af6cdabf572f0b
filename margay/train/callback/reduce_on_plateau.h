#pragma once

#include <cstdint>
#include <string>

#include "margay/train/callback/callback.h"
#include "margay/train/callback/monitor.h"

namespace margay::train {

struct ReduceOnPlateauOptions {
  double plateau_factor = 0.1;
  std::int64_t plateau_patience = 2;
  double plateau_min_lr = 0;

  static const core::OptionTable& fields();
};

/// Multiplies the learning rates, whatever the schedule, when results no longer improve, and then waits as long again.
/// Each fit begins with the rates of its schedule. It owns the learner's lr_factor: another rule that sets it is
/// overruled.
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
