#include "apps/cli/listeners.h"

#include <fmt/format.h>

#include "apps/cli/warn.h"
#include "margay/train/callback/clip_gradients.h"
#include "margay/train/log/csv_log.h"
#include "margay/train/log/json_lines_log.h"
#include "margay/train/log/tensorboard_log.h"

namespace margay::cli {
namespace {

void add_logs(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder) {
  const auto on_failure = [](const core::IoError& error) {
    warn(fmt::format("a log could not be written, training goes on: {}", error.what()));
  };
  learner.add_callback(std::make_shared<train::CsvLog>(folder.history(), on_failure));
  learner.add_callback(std::make_shared<train::JsonLinesLog>(folder.steps(), on_failure, options.log));
  if (!options.tensorboard) return;
  learner.add_callback(std::make_shared<train::TensorBoardLog>(folder.tensorboard(), on_failure, options.log));
}

void save_best(train::Learner& learner, const std::filesystem::path& path, const nlohmann::ordered_json& provenance) {
  try {
    learner.save(path, provenance);
  } catch (const core::IoError& error) {
    warn(fmt::format("the best model could not be written, training goes on: {}", error.what()));
  }
}

}  // namespace

Listeners::Listeners(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder,
                     Describe describe)
    : options_(options) {
  check_listeners(options);
  if (options.clip_norm) learner.add_callback(std::make_shared<train::ClipGradientNorm>(*options.clip_norm));
  if (options.clip_value) learner.add_callback(std::make_shared<train::ClipGradientValue>(*options.clip_value));
  if (options.ema) {
    average_ = std::make_shared<train::WeightAverage>(learner.classifier(), options.weight_average);
    learner.add_callback(average_);
  }
  if (options.swa) {
    swa_ = std::make_shared<train::Swa>(learner.classifier(), options.swa_options);
    learner.add_callback(swa_);
  }
  if (options.keep_best) {
    const auto write = [path = folder.best(), describe = std::move(describe)](train::Learner& best) {
      save_best(best, path, describe(best));
    };
    learner.add_callback(
        std::make_shared<train::KeepBest>(options.monitor, write, options.keep_best_options, average_));
  }
  if (options.early_stop) {
    learner.add_callback(std::make_shared<train::EarlyStopping>(options.monitor, options.early_stopping));
  }
  if (options.reduce_on_plateau) {
    learner.add_callback(std::make_shared<train::ReduceOnPlateau>(options.monitor, options.plateau));
  }
  add_logs(learner, options, folder);
}

bool Listeners::finish(train::Learner& learner) {
  if (options_.keep_best_options.restore_best) return true;  // a fit has ended with the best weights
  if (average_) average_->apply();
  if (swa_) swa_->apply(learner);
  return swa_ || (average_ && options_.weight_average.ema_evaluate != train::EvaluateWith::kAverage);
}

}  // namespace margay::cli
