#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "margay/train/callback/callback.h"
#include "margay/train/callback/monitor.h"
#include "margay/train/callback/weight_average.h"

namespace margay::train {

struct KeepBestOptions {
  bool restore_best = false;

  static const core::OptionTable& fields();
};

/// Writes the model whenever an epoch is better than all before it, of all fits.
class KeepBest : public Callback {
 public:
  /// write: learner.save(path), save_checkpoint or the like, or null to write nothing. What it throws ends the run, so
  /// it handles a full disk itself. average: whose weights validate; the best ones are then those, not the raw
  /// ones. Or null. Throws std::invalid_argument for options out of range.
  KeepBest(const MonitorOptions& monitor, std::function<void(Learner&)> write, const KeepBestOptions& options = {},
           std::shared_ptr<WeightAverage> average = nullptr);

  /// Throws as Monitor::check.
  void before_fit(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;
  void after_fit(Learner& learner, const Progress& at) override;

  /// What is watched, in the best epoch; nothing before the first.
  std::optional<double> best() const { return monitor_.best(); }
  /// Puts the best weights into the model; false where none are held. Throws core::FormatError for weights that came
  /// from a checkpoint of another model.
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
  model::TensorMap weights_;      ///< copies; empty unless they are to be restored
  std::filesystem::path source_;  ///< from which they came, for messages
};

}  // namespace margay::train
