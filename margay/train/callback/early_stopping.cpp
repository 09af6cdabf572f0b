#include "margay/train/callback/early_stopping.h"

#include <fmt/format.h>

#include "margay/train/callback/state_value.h"
#include "margay/train/learner.h"

namespace margay::train {

EarlyStopping::EarlyStopping(const MonitorOptions& monitor, const EarlyStoppingOptions& options)
    : monitor_(monitor), options_(options) {
  core::validate(options_);
}

void EarlyStopping::before_fit(Learner& learner, const Progress& /*at*/) { monitor_.check(learner); }

void EarlyStopping::before_epoch(Learner& /*learner*/, const Progress& at) {
  if (at.epoch > 0) return;  // a fit that goes on after an interruption goes on counting, too
  monitor_.reset();
  idle_epochs_ = 0;
}

void EarlyStopping::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& record) {
  idle_epochs_ = monitor_.improves(record, learner.metrics()) ? 0 : idle_epochs_ + 1;
  if (has_stopped()) learner.cancel_fit();
}

CallbackState EarlyStopping::state() const {
  return {.values = {{"monitor", monitor_.state()}, {"idle_epochs", idle_epochs_}}};
}

void EarlyStopping::load_state(const CallbackState& state, const std::filesystem::path& source) {
  monitor_.load_state(part_at(state.values, "monitor", source), source);
  idle_epochs_ = count_at(state.values, "idle_epochs", source);
}

std::optional<std::string> early_stopping_warning(const std::string& schedule) {
  if (schedule == "flat") return std::nullopt;
  return fmt::format(
      "early stopping spoils a {} schedule: the best results come when the learning rate has come down, at the end, "
      "which a run that stops early never reaches; look at which epoch was best and train that many from the start",
      schedule);
}

const core::OptionTable& EarlyStoppingOptions::fields() {
  static const core::OptionTable table(
      "early_stopping",
      {core::field<&EarlyStoppingOptions::stop_patience>(
          "stop_patience", "a fit ends after so many epochs in a row without an improvement", {1, 1e6})});
  return table;
}

}  // namespace margay::train
