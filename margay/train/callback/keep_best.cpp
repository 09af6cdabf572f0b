#include "margay/train/callback/keep_best.h"

#include "margay/train/callback/state_value.h"
#include "margay/train/learner.h"

namespace margay::train {

KeepBest::KeepBest(const MonitorOptions& monitor, std::function<void(Learner&)> write, const KeepBestOptions& options,
                   std::shared_ptr<WeightAverage> average)
    : monitor_(monitor), write_(std::move(write)), options_(options), average_(std::move(average)) {
  core::validate(options_);
}

void KeepBest::before_fit(Learner& learner, const Progress& /*at*/) { monitor_.check(learner); }

void KeepBest::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& record) {
  if (!monitor_.improves(record, learner.metrics())) return;
  if (average_) return average_->with_validated([&] { keep(learner); });
  keep(learner);
}

void KeepBest::keep(Learner& learner) {
  if (options_.restore_best) {
    weights_.clear();
    for (const auto& [name, tensor] : learner.classifier().state()) weights_[name] = tensor.detach().clone();
  }
  if (write_) write_(learner);
}

void KeepBest::after_fit(Learner& learner, const Progress& /*at*/) { restore(learner); }

bool KeepBest::restore(Learner& learner) const {
  if (weights_.empty()) return false;
  learner.classifier().load_state(weights_, source_);
  return true;
}

CallbackState KeepBest::state() const { return {.values = {{"monitor", monitor_.state()}}, .tensors = weights_}; }

void KeepBest::load_state(const CallbackState& state, const std::filesystem::path& source) {
  monitor_.load_state(part_at(state.values, "monitor", source), source);
  weights_.clear();
  if (options_.restore_best) weights_ = state.tensors;
  source_ = source;
}

const core::OptionTable& KeepBestOptions::fields() {
  static const core::OptionTable table(
      "keep_best", {core::field<&KeepBestOptions::restore_best>(
                       "restore_best", "a fit ends with the weights of the best epoch so far, of all fits")});
  return table;
}

}  // namespace margay::train
