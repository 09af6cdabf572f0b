#include "margay/train/callback/reduce_on_plateau.h"

#include <algorithm>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/train/callback/state_value.h"
#include "margay/train/learner.h"

namespace margay::train {

ReduceOnPlateau::ReduceOnPlateau(const MonitorOptions& monitor, const ReduceOnPlateauOptions& options)
    : monitor_(monitor), options_(options) {
  core::validate(options_);
}

void ReduceOnPlateau::before_fit(Learner& learner, const Progress& /*at*/) {
  monitor_.check(learner);
  learner.set_lr_factor(lr_factor_);  // of a fit that goes on after an interruption
}

void ReduceOnPlateau::before_epoch(Learner& learner, const Progress& at) {
  if (at.epoch == 0) {
    monitor_.reset();
    idle_epochs_ = 0;
    lr_factor_ = 1;
  }
  learner.set_lr_factor(lr_factor_);
}

/// The factor after a plateau. lr: the last group's rate of the last step, with the factor so far in it.
double ReduceOnPlateau::reduced(double lr) const {
  if (!(lr > 0)) return lr_factor_;
  const double wanted = lr_factor_ * options_.plateau_factor;
  return std::min(lr_factor_, std::max(wanted, options_.plateau_min_lr / lr * lr_factor_));
}

void ReduceOnPlateau::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& record) {
  idle_epochs_ = monitor_.improves(record, learner.metrics()) ? 0 : idle_epochs_ + 1;
  if (idle_epochs_ < options_.plateau_patience) return;
  idle_epochs_ = 0;
  if (!learner.steps().empty()) lr_factor_ = reduced(learner.steps().back().lr);
  learner.set_lr_factor(lr_factor_);
}

CallbackState ReduceOnPlateau::state() const {
  return {.values = {{"monitor", monitor_.state()}, {"idle_epochs", idle_epochs_}, {"lr_factor", lr_factor_}}};
}

void ReduceOnPlateau::load_state(const CallbackState& state, const std::filesystem::path& source) {
  monitor_.load_state(part_at(state.values, "monitor", source), source);
  idle_epochs_ = count_at(state.values, "idle_epochs", source);
  lr_factor_ = number_at(state.values, "lr_factor", source);
  if (!(lr_factor_ > 0)) throw core::FormatError(source, fmt::format("an lr_factor of {} is not positive", lr_factor_));
}

const core::OptionTable& ReduceOnPlateauOptions::fields() {
  using O = ReduceOnPlateauOptions;
  static const core::OptionTable table(
      "reduce_on_plateau",
      {core::field<&O::plateau_factor>("plateau_factor", "what the learning rates are multiplied by on a plateau",
                                       {1e-6, 0.999}),
       core::field<&O::plateau_patience>("plateau_patience",
                                         "so many epochs in a row without an improvement are a plateau", {1, 1e6}),
       core::field<&O::plateau_min_lr>("plateau_min_lr", "the last group's rate is not brought below this", {0, 10})});
  return table;
}

}  // namespace margay::train
