#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "margay/core/options.h"
#include "margay/run/observer.h"
#include "margay/run/run_folder.h"
#include "margay/train/callback/swa.h"
#include "margay/train/callback/tracker.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/learner.h"
#include "margay/train/log/text_log.h"

namespace margay::run {

/// The optional callbacks of a training, besides the table, the logs and the checkpoints. The settings of a callback
/// that is not used are refused.
struct ListenerOptions {
  std::optional<double> clip_norm;
  std::optional<double> clip_value;
  bool ema = false;
  train::WeightAverageOptions weight_average;
  bool swa = false;
  train::SwaOptions swa_options;
  train::MonitorOptions monitor;
  bool keep_best = false;
  train::KeepBestOptions keep_best_options;
  bool early_stop = false;
  train::EarlyStoppingOptions early_stopping;
  bool reduce_on_plateau = false;
  train::ReduceOnPlateauOptions plateau;
  bool tensorboard = false;
  train::LogOptions log;

  static const core::OptionTable& fields();
};

/// Whether one of the callbacks uses options.monitor.
bool is_monitored(const ListenerOptions& options);

/// The optional callbacks of a training, and what they do at its end.
class Listeners {
 public:
  /// Gives the provenance for the file of the best model; called after an epoch.
  using Describe = std::function<nlohmann::ordered_json(const train::Learner&)>;

  /// Adds the callbacks to the learner, the logs in the run's folder last. Throws std::invalid_argument as
  /// core::check_rules and as the callbacks. observer: must outlive the learner.
  Listeners(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder, Describe describe,
            Observer& observer);

  /// Puts the weights to be saved into the model: their average, if one was kept. Returns whether the last epoch's
  /// results may belong to other weights.
  bool finish(train::Learner& learner);

 private:
  ListenerOptions options_;
  std::shared_ptr<train::WeightAverage> average_;
  std::shared_ptr<train::Swa> swa_;
};

}  // namespace margay::run
