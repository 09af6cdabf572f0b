#include "margay/train/callback/tracker.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/train/learner.h"

namespace margay::train {
namespace {

constexpr const char* kTrainLoss = "train_loss";
constexpr const char* kValidLoss = "valid_loss";

/// A number of the history and which of its values are better.
struct Watched {
  double value = 0;
  metric::Direction direction = metric::Direction::kLowerIsBetter;
};

/// Nothing for an unknown name. The first metric of a name counts.
std::optional<Watched> find(const std::string& name, const EpochRecord& record, const metric::Metrics& metrics) {
  if (name == kTrainLoss) return Watched{record.train_loss};
  if (name == kValidLoss) return Watched{record.valid_loss};
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (metrics[i]->name() == name) return Watched{record.metrics.at(i), metrics[i]->direction()};
  }
  return std::nullopt;
}

[[noreturn]] void refuse_monitor(const std::string& name, const metric::Metrics& metrics) {
  std::vector<std::string> known = {kTrainLoss, kValidLoss};
  for (const auto& metric : metrics) known.push_back(metric->name());
  throw std::invalid_argument(
      fmt::format("[monitor] '{}' is none of {}{}", name, core::joined(known, ", "), core::did_you_mean(name, known)));
}

}  // namespace

Monitor::Monitor(const MonitorOptions& options) : options_(options) { core::validate(options_); }

void Monitor::check(const Learner& learner) const {
  const EpochRecord any{.metrics = std::vector<double>(learner.metrics().size())};
  if (!find(name(), any, learner.metrics())) refuse_monitor(name(), learner.metrics());
  if (name() == kTrainLoss || learner.loaders().valid) return;
  throw std::invalid_argument(
      fmt::format("[monitor] there are no validation images, so no {}; watch {}", name(), kTrainLoss));
}

bool Monitor::improves(const EpochRecord& record, const metric::Metrics& metrics) {
  const std::optional<Watched> watched = find(name(), record, metrics);
  if (!watched) refuse_monitor(name(), metrics);
  if (!std::isfinite(watched->value)) return false;
  const bool is_lower_better = watched->direction == metric::Direction::kLowerIsBetter;
  const double gain = best_ ? (is_lower_better ? *best_ - watched->value : watched->value - *best_) : 0;
  if (best_ && !(gain > options_.min_delta)) return false;
  best_ = watched->value;
  return true;
}

nlohmann::ordered_json Monitor::state() const {
  return {{"monitor", name()}, {"best", best_ ? nlohmann::ordered_json(*best_) : nlohmann::ordered_json(nullptr)}};
}

void Monitor::load_state(const nlohmann::ordered_json& state, const std::filesystem::path& source) {
  const auto watched = state.find("monitor");  // none in what is no object
  const auto best = state.find("best");
  if (watched == state.end() || *watched != name() || best == state.end() || !(best->is_null() || best->is_number())) {
    throw core::FormatError(source, fmt::format("its state of a callback is not of one that watches {}", name()));
  }
  best_ = best->is_null() ? std::nullopt : std::optional(best->get<double>());
}

const core::OptionTable& MonitorOptions::fields() {
  static const core::OptionTable table(
      "monitor",
      {core::field<&MonitorOptions::monitor>(
           "monitor", "what decides which epoch is better: train_loss, valid_loss or a metric's name"),
       core::field<&MonitorOptions::min_delta>(
           "min_delta", "an improvement must be larger than this, in the unit of what is watched", {0, 1e9})});
  return table;
}

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
      "early stopping is wrong with a {} schedule: the best results come at the end, when the learning rate is low, "
      "and a run that stops early never gets there; find the best number of epochs and train that many from the start",
      schedule);
}

const core::OptionTable& EarlyStoppingOptions::fields() {
  static const core::OptionTable table(
      "early_stopping",
      {core::field<&EarlyStoppingOptions::stop_patience>(
          "stop_patience", "a fit ends after so many epochs in a row without an improvement", {1, 1e6})});
  return table;
}

KeepBest::KeepBest(const MonitorOptions& monitor, std::function<void(Learner&)> write, const KeepBestOptions& options,
                   std::shared_ptr<WeightAverage> average)
    : monitor_(monitor), write_(std::move(write)), options_(options), average_(std::move(average)) {
  core::validate(options_);
}

void KeepBest::before_fit(Learner& learner, const Progress& /*at*/) {
  monitor_.check(learner);
  if (!weights_.empty()) learner.classifier().check_state(weights_, source_);  // not only when the fit is over
}

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
