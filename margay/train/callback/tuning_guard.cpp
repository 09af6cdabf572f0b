#include "margay/train/callback/tuning_guard.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/predict/inference.h"
#include "margay/train/learner.h"
#include "margay/train/probe/probe.h"

namespace margay::train {
namespace {

constexpr double kRisen = 2;  ///< standard errors of the paired differences
constexpr double kRateFactor = 0.25;

constexpr const char* kTimesRestored = "times_restored";
constexpr const char* kChecksDone = "checks_done";
constexpr std::string_view kWeight = "weight.";

/// The wanted tensor, [rows] of its type. Throws core::FormatError.
torch::Tensor column_at(const model::TensorMap& tensors, const char* name, torch::ScalarType type, std::int64_t rows,
                        const std::filesystem::path& source) {
  const auto found = tensors.find(name);
  const bool is_right = found != tensors.end() && found->second.scalar_type() == type && found->second.dim() == 1 &&
                        (rows < 0 || found->second.size(0) == rows);
  if (is_right) return found->second.clone();
  throw core::FormatError(source, fmt::format("the tuning guard's '{}' is missing or of another form", name));
}

}  // namespace

TuningGuard::TuningGuard(const TuningGuardOptions& options, std::function<void(const std::string&)> note)
    : options_(options), note_(std::move(note)) {
  core::validate(options_);
}

void TuningGuard::after_probe(Learner& learner, const Probe& probe) {
  if (!probe.result.valid || probe.result.valid->predictions.size() < 2) return;
  start_ = image_scores(probe.result.valid->predictions, learner.loaders().task());
  groups_ = probe.valid_groups ? probe.valid_groups->of_image : torch::arange(start_.ids.size(0), torch::kInt64);
  weights_.clear();
  for (const auto& [name, tensor] : learner.classifier().state()) weights_[name] = tensor.detach().clone();
}

void TuningGuard::before_fit(Learner& learner, const Progress& /*at*/) {
  if (has_stopped()) learner.cancel_fit();
}

void TuningGuard::before_epoch(Learner& learner, const Progress& /*at*/) {
  if (!learner.training_state().is_in_epoch) checks_done_ = 0;
}

/// In the middle of an epoch it looks between two steps of the optimizer only.
void TuningGuard::after_batch(Learner& learner, const Progress& at) {
  if (!is_watching()) return;
  if (!at.is_training) {
    validated_.push_back({.logits = at.logits.to(torch::kCPU, torch::kFloat),
                          .targets = at.batch.targets.to(torch::kCPU),
                          .ids = at.batch.ids});
    return;
  }
  if (learner.has_pending_gradients()) return;
  const std::int64_t due = (at.step + 1) * options_.guard_checks / std::max<std::int64_t>(at.steps, 1);
  if (due <= checks_done_ || due >= options_.guard_checks) return;
  checks_done_ = due;
  check(learner, at, scores_now(learner));
}

void TuningGuard::after_validate(Learner& learner, const Progress& at) {
  if (!is_watching()) return;
  const ImageScores scores = validated_scores(learner);
  if (!learner.training_state().is_cancelled) check(learner, at, scores);
}

/// Those of the validation that has just ended; of smaller images than the probe's the network is measured anew.
ImageScores TuningGuard::validated_scores(Learner& learner) {
  const std::vector<predict::Predictions> parts = std::exchange(validated_, {});
  const int size = learner.loaders().eval_transforms().augment.size;
  if (parts.empty() || size != learner.given_loaders().eval_transforms().augment.size) return scores_now(learner);
  const data::Task task = learner.loaders().task();
  predict::Predictions all = predict::joined(parts);
  all.set_logits(all.logits, predict::activation_of(task));
  return image_scores(all, task);
}

ImageScores TuningGuard::scores_now(Learner& learner) const {
  const data::Task task = learner.loaders().task();
  const predict::InferenceOptions options{.activation = predict::activation_of(task), .precision = learner.precision()};
  const auto threads = learner.micro_batch_threads();
  return image_scores(predict::collect_predictions(learner.classifier(), *learner.given_loaders().valid, options),
                      task);
}

void TuningGuard::check(Learner& learner, const Progress& at, const ImageScores& now) {
  const metric::Difference rise = compare_tuning(start_, now, groups_).loss;
  const bool has_risen = rise.value > kRisen * rise.standard_error && rise.value > 0;
  if (learner.agree(has_risen)) step_back(learner, at, rise);
}

void TuningGuard::step_back(Learner& learner, const Progress& at, const metric::Difference& rise) {
  ++times_restored_;
  restore_start(learner);
  learner.drop_gradients();
  learner.optimizer().load_state({}, source_);
  learner.set_lr_factor(learner.lr_factor() * kRateFactor);
  if (has_stopped()) learner.cancel_fit();
  if (!note_) return;
  note_(fmt::format("in epoch {} ({}) the validation loss had risen {:.4f} ± {:.4f} above the probe's: {}",
                    at.epoch + 1, at.stage, rise.value, rise.standard_error,
                    has_stopped() ? "this was the third time, so tuning ends"
                                  : "tuning goes on from the probe at a quarter of the rates"));
}

std::optional<TuningComparison> TuningGuard::compare(Learner& learner) const {
  if (!is_watching()) return std::nullopt;
  return compare_tuning(start_, scores_now(learner), groups_);
}

void TuningGuard::restore_start(Learner& learner) const { learner.classifier().load_state(weights_, source_); }

CallbackState TuningGuard::state() const {
  CallbackState state{.values = {{kTimesRestored, times_restored_}, {kChecksDone, checks_done_}}};
  if (!is_watching()) return state;
  state.tensors = {{"ids", start_.ids}, {"losses", start_.losses}, {"errors", start_.errors}, {"groups", groups_}};
  for (const auto& [name, tensor] : weights_) state.tensors[std::string(kWeight) + name] = tensor;
  return state;
}

void TuningGuard::load_state(const CallbackState& state, const std::filesystem::path& source) {
  const std::int64_t times = count_at(state.values, kTimesRestored, source);
  const std::int64_t checks = count_at(state.values, kChecksDone, source);
  ImageScores start;
  torch::Tensor groups;
  model::TensorMap weights;
  if (!state.tensors.empty()) {
    start.ids = column_at(state.tensors, "ids", torch::kInt64, -1, source);
    const std::int64_t rows = start.ids.size(0);
    start.losses = column_at(state.tensors, "losses", torch::kDouble, rows, source);
    start.errors = column_at(state.tensors, "errors", torch::kDouble, rows, source);
    groups = column_at(state.tensors, "groups", torch::kInt64, rows, source);
    for (const auto& [name, tensor] : state.tensors) {
      if (name.starts_with(kWeight)) weights[name.substr(kWeight.size())] = tensor.clone();
    }
  }
  times_restored_ = times;
  checks_done_ = checks;
  start_ = std::move(start);
  groups_ = std::move(groups);
  weights_ = std::move(weights);
  source_ = source;
}

const core::OptionTable& TuningGuardOptions::fields() {
  static const core::OptionTable table(
      "tuning_guard",
      {core::field<&TuningGuardOptions::keep>(
           "keep",
           "better: of the probe and the tuned network the one that does better on the validation images; last"),
       core::field<&TuningGuardOptions::guard_checks>(
           "guard_checks", "how many times an epoch the validation loss is compared with the probe's", {1, 1000})});
  return table;
}

}  // namespace margay::train
