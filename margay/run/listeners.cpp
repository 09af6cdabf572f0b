#include "margay/run/listeners.h"

#include <fmt/format.h>

#include "margay/train/log/tensorboard_log.h"
#include "margay/train/precision/gradients.h"

namespace margay::run {

bool is_monitored(const ListenerOptions& options) {
  return options.keep_best || options.early_stop || options.reduce_on_plateau;
}

const core::OptionTable& ListenerOptions::fields() {
  static const core::OptionTable table(
      "listeners",
      {core::field<&ListenerOptions::clip_norm>("clip_norm", "scale gradients down to this norm over all of them",
                                                {1e-12, 1e12}),
       core::field<&ListenerOptions::clip_value>("clip_value", "clip every element of the gradients to ± this",
                                                 {1e-12, 1e12}),
       core::field<&ListenerOptions::ema>("ema", "validate and save an exponential moving average of the weights",
                                          {core::excludes({"swa"}, "the average of the weights")}),
       core::field<&ListenerOptions::weight_average>("weight_average", "of `ema`", {core::needs({"ema"})}),
       core::field<&ListenerOptions::swa>("swa", "save the equal average of the last epochs' weights (SWA)"),
       core::field<&ListenerOptions::swa_options>("swa_options", "of `swa`", {core::needs({"swa"})}),
       core::field<&ListenerOptions::monitor>("monitor", "of `keep_best`, `early_stop`, `reduce_on_plateau`",
                                              {core::needs({"keep_best", "early_stop", "reduce_on_plateau"})}),
       core::field<&ListenerOptions::keep_best>("keep_best", "write the model of the best epoch as best.margay"),
       core::field<&ListenerOptions::keep_best_options>(
           "keep_best_options", "of `keep_best`",
           {core::needs({"keep_best"}),
            core::of_inner("restore_best", core::excludes({"swa"}, "the weights that are saved"))}),
       core::field<&ListenerOptions::early_stop>(
           "early_stop",
           "end a stage that no longer improves; not for one-cycle schedules, whose rate must fall to the end"),
       core::field<&ListenerOptions::early_stopping>("early_stopping", "of `early_stop`",
                                                     {core::needs({"early_stop"})}),
       core::field<&ListenerOptions::reduce_on_plateau>("reduce_on_plateau",
                                                        "lower the learning rates when results no longer improve"),
       core::field<&ListenerOptions::plateau>("plateau", "of `reduce_on_plateau`",
                                              {core::needs({"reduce_on_plateau"})}),
       core::field<&ListenerOptions::tensorboard>("tensorboard", "write events for TensorBoard into the run's folder"),
       core::field<&ListenerOptions::log>("log", "of the logs of single steps")});
  return table;
}

namespace {

void add_logs(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder, Observer& observer) {
  const auto on_failure = [&observer](const core::IoError& error) {
    observer.warned(fmt::format("a log could not be written, training continues: {}", error.what()));
  };
  learner.add_callback(std::make_shared<train::CsvLog>(folder.history(), on_failure));
  learner.add_callback(std::make_shared<train::JsonLinesLog>(folder.steps(), on_failure, options.log));
  if (!options.tensorboard) return;
  learner.add_callback(std::make_shared<train::TensorBoardLog>(folder.tensorboard(), on_failure, options.log));
}

void save_best(train::Learner& learner, const std::filesystem::path& path, const nlohmann::ordered_json& provenance,
               Observer& observer) {
  try {
    learner.save(path, provenance, data::Unread::kRead);
  } catch (const core::IoError& error) {
    observer.warned(fmt::format("the best model could not be written, training continues: {}", error.what()));
  }
}

}  // namespace

Listeners::Listeners(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder,
                     Describe describe, Observer& observer)
    : options_(options) {
  core::check_rules(options);
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
    const auto write = [path = folder.best(), describe = std::move(describe), &observer](train::Learner& best) {
      if (best.group().rank() == 0) save_best(best, path, describe(best), observer);
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
  if (learner.group().rank() == 0) add_logs(learner, options, folder, observer);
}

bool Listeners::finish(train::Learner& learner) {
  if (options_.keep_best_options.restore_best) return true;  // a fit has ended with the best weights
  if (average_) average_->apply();
  if (swa_) swa_->apply(learner);
  return swa_ || (average_ && options_.weight_average.ema_evaluate != train::EvaluateWith::kAverage);
}

}  // namespace margay::run
