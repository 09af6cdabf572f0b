#include "margay/train/callback/weight_average.h"

#include <algorithm>

#include "margay/train/callback/state_value.h"

namespace margay::train {

double ema_decay_at(std::int64_t updates, const WeightAverageOptions& options) {
  if (!options.ema_warmup) return options.ema_decay;
  const auto t = static_cast<double>(updates);
  return std::min(options.ema_decay, (1 + t) / (10 + t));
}

WeightAverage::WeightAverage(const model::Classifier& classifier, const WeightAverageOptions& options)
    : options_(options), average_(classifier) {
  core::validate(options_);
}

void WeightAverage::before_fit(Learner& /*learner*/, const Progress& /*at*/) { restore(); }

void WeightAverage::before_step(Learner& /*learner*/, const Progress& /*at*/) {
  if (updates_ == 0) average_.copy_from_model();
}

void WeightAverage::after_step(Learner& /*learner*/, const Progress& /*at*/) {
  average_.move_towards_model(1 - ema_decay_at(updates_, options_));
  ++updates_;
}

void WeightAverage::after_train(Learner& /*learner*/, const Progress& /*at*/) {
  if (options_.ema_evaluate == EvaluateWith::kAverage) put_into_model();
}

void WeightAverage::after_validate(Learner& /*learner*/, const Progress& /*at*/) { restore(); }

void WeightAverage::put_into_model() {
  if (is_in_model_ || updates_ == 0) return;
  average_.swap_with_model();
  is_in_model_ = true;
}

void WeightAverage::restore() {
  if (!is_in_model_) return;
  average_.swap_with_model();
  is_in_model_ = false;
}

void WeightAverage::apply() {
  restore();
  if (updates_ > 0) average_.copy_to_model();
}

void WeightAverage::with_average(const std::function<void()>& use) {
  if (is_in_model_) return use();
  put_into_model();
  try {
    use();
  } catch (...) {
    restore();
    throw;
  }
  restore();
}

void WeightAverage::with_validated(const std::function<void()>& use) {
  if (options_.ema_evaluate == EvaluateWith::kAverage) return with_average(use);
  use();
}

CallbackState WeightAverage::state() const {
  CallbackState state{.values = {{"updates", updates_}, {"is_in_model", is_in_model_}}};
  if (updates_ > 0) state.tensors = average_.tensors();
  return state;
}

void WeightAverage::load_state(const CallbackState& state, const std::filesystem::path& source) {
  const std::int64_t updates = count_at(state.values, "updates", source);
  const bool is_in_model = flag_at(state.values, "is_in_model", source);
  if (updates > 0) average_.load(state.tensors, source);
  updates_ = updates;
  is_in_model_ = is_in_model && updates > 0;
}

const core::OptionTable& WeightAverageOptions::fields() {
  using O = WeightAverageOptions;
  static const core::OptionTable table(
      "weight_average", {core::field<&O::ema_decay>("ema_decay", "share of the average that each step keeps", {0, 1}),
                         core::field<&O::ema_warmup>("ema_warmup", "step t, from 0, keeps (1 + t) / (10 + t) at most"),
                         core::field<&O::ema_evaluate>("ema_evaluate", "weights that validate: average or raw")});
  return table;
}

}  // namespace margay::train
