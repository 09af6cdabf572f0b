#pragma once

#include <optional>
#include <tuple>

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

  static constexpr const char* kName = "listeners";
  static constexpr auto fields() {
    using O = ListenerOptions;
    return std::tuple{
        core::field("clip_norm", &O::clip_norm, "scale gradients down to this norm over all of them", {1e-12, 1e12}),
        core::field("clip_value", &O::clip_value, "bring every gradient's elements into ± this", {1e-12, 1e12}),
        core::field("ema", &O::ema, "validate and save an exponential moving average of the weights"),
        core::field("weight_average", &O::weight_average, "of --ema"),
        core::field("swa", &O::swa, "save the equal average of the last epochs' weights (SWA)"),
        core::field("swa_options", &O::swa_options, "of --swa"),
        core::field("monitor", &O::monitor, "of --keep-best, --early-stop, --reduce-on-plateau"),
        core::field("keep_best", &O::keep_best, "write the model of the best epoch as best.margay"),
        core::field("keep_best_options", &O::keep_best_options, "of --keep-best"),
        core::field("early_stop", &O::early_stop,
                    "end a stage that no longer improves; it spoils one-cycle schedules, whose rate must come down"),
        core::field("early_stopping", &O::early_stopping, "of --early-stop"),
        core::field("reduce_on_plateau", &O::reduce_on_plateau, "lower the rates when results no longer improve"),
        core::field("plateau", &O::plateau, "of --reduce-on-plateau"),
        core::field("tensorboard", &O::tensorboard, "write events for TensorBoard into the run's folder"),
        core::field("log", &O::log, "of the logs of single steps")};
  }
};

/// Whether one of them watches options.monitor.
bool is_monitored(const ListenerOptions& options);

/// Throws std::invalid_argument, naming the flag that is missing, for settings of one that does not listen.
void check_listeners(const ListenerOptions& options);

}  // namespace margay::cli
