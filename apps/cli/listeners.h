#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "apps/cli/run_folder.h"
#include "margay/core/options.h"
#include "margay/train/callback/swa.h"
#include "margay/train/callback/tracker.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/learner.h"
#include "margay/train/log/text_log.h"

namespace margay::cli {

/// Who listens to a training, besides the table, the logs and the checkpoints. The settings of one that does not listen
/// are refused.
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

/// Whether one of them watches options.monitor.
bool is_monitored(const ListenerOptions& options);

/// Those who listen to a training by the user's choice, and what they do at its end.
class Listeners {
 public:
  /// What the file of the best model says of its making; asked after an epoch.
  using Describe = std::function<nlohmann::ordered_json(const train::Learner&)>;

  /// Adds them to the learner, the logs in the run's folder last. Throws std::invalid_argument as core::check_rules and
  /// as the callbacks.
  Listeners(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder, Describe describe);

  /// Puts into the model what is to be saved: the average of the weights, if one was kept. Returns whether the last
  /// epoch's results may be those of other weights.
  bool finish(train::Learner& learner);

 private:
  ListenerOptions options_;
  std::shared_ptr<train::WeightAverage> average_;
  std::shared_ptr<train::Swa> swa_;
};

}  // namespace margay::cli
