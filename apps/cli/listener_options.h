#pragma once

#include <optional>

#include "margay/core/options.h"
#include "margay/train/callback/early_stopping.h"
#include "margay/train/callback/keep_best.h"
#include "margay/train/callback/monitor.h"
#include "margay/train/callback/reduce_on_plateau.h"
#include "margay/train/callback/swa.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/log/log_options.h"

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

}  // namespace margay::cli
