#include "margay/train/callback/weight_average.h"

#include <algorithm>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/train/precision/gradients.h"

namespace margay::train {
namespace {

/// A part of one tensor and of its average.
struct Chunk {
  float* model;
  float* average;
  std::int64_t size;
};

bool is_plain(const torch::Tensor& model, const torch::Tensor& average) {
  return is_plain_float(model) && model.strides() == average.strides();
}

void add_chunks(const torch::Tensor& model, const torch::Tensor& average, std::vector<Chunk>& chunks) {
  auto* const from = model.data_ptr<float>();
  auto* const to = average.data_ptr<float>();
  for (std::int64_t begin = 0; begin < model.numel(); begin += kThreadGrain) {
    chunks.push_back({from + begin, to + begin, std::min(kThreadGrain, model.numel() - begin)});
  }
}

/// Tensors of all sizes as one piece of work: a parallel region for each would cost more than the small ones do.
template <class Change>
void for_each_chunk(const std::vector<Chunk>& chunks, const Change& change) {
  at::parallel_for(0, static_cast<std::int64_t>(chunks.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) change(chunks[static_cast<std::size_t>(i)]);
  });
}

void lerp_span(float* __restrict average, const float* __restrict model, std::int64_t n, float weight) {
  for (std::int64_t i = 0; i < n; ++i) average[i] += weight * (model[i] - average[i]);
}

}  // namespace

AveragedState::AveragedState(const model::Classifier& classifier) {
  for (const auto& [name, tensor] : classifier.state()) {
    slots_.push_back({name, tensor, torch::zeros_like(tensor.detach())});
  }
}

void AveragedState::copy_from_model() {
  const torch::NoGradGuard no_grad;
  for (Slot& slot : slots_) slot.average.copy_(slot.model);
}

void AveragedState::copy_to_model() {
  const torch::NoGradGuard no_grad;
  for (Slot& slot : slots_) slot.model.copy_(slot.average);
}

void AveragedState::move_towards_model(double weight) {
  const torch::NoGradGuard no_grad;
  std::vector<Chunk> chunks;
  std::vector<torch::Tensor> models;
  std::vector<torch::Tensor> averages;
  for (Slot& slot : slots_) {
    if (!slot.model.is_floating_point()) {
      slot.average.copy_(slot.model);
    } else if (is_plain(slot.model, slot.average)) {
      add_chunks(slot.model, slot.average, chunks);
    } else {
      models.push_back(slot.model);
      averages.push_back(slot.average);
    }
  }
  for_each_chunk(chunks, [weight](const Chunk& chunk) {
    lerp_span(chunk.average, chunk.model, chunk.size, static_cast<float>(weight));
  });
  if (models.empty()) return;
  at::_foreach_mul_(averages, 1 - weight);  // on a GPU one kernel for many tensors
  at::_foreach_add_(averages, models, weight);
}

void AveragedState::swap_with_model() {
  const torch::NoGradGuard no_grad;
  std::vector<Chunk> chunks;
  for (Slot& slot : slots_) {
    if (is_plain(slot.model, slot.average)) {
      add_chunks(slot.model, slot.average, chunks);
      continue;
    }
    const torch::Tensor model = slot.model.clone();
    slot.model.copy_(slot.average);
    slot.average.copy_(model);
  }
  for_each_chunk(chunks,
                 [](const Chunk& chunk) { std::swap_ranges(chunk.model, chunk.model + chunk.size, chunk.average); });
}

model::TensorMap AveragedState::tensors() const {
  model::TensorMap tensors;
  for (const Slot& slot : slots_) tensors[slot.name] = slot.average;
  return tensors;
}

void AveragedState::load(const model::TensorMap& tensors, const std::filesystem::path& source) {
  const torch::NoGradGuard no_grad;
  for (const Slot& slot : slots_) {
    const auto found = tensors.find(slot.name);
    const bool is_right = found != tensors.end() && found->second.sizes() == slot.average.sizes() &&
                          found->second.scalar_type() == slot.average.scalar_type();
    if (is_right) continue;
    throw core::FormatError(source,
                            fmt::format("averaged weights: '{}' is missing or of another shape or type", slot.name));
  }
  if (tensors.size() != slots_.size()) {
    throw core::FormatError(source, "averaged weights: there are tensors that the model lacks");
  }
  for (Slot& slot : slots_) slot.average.copy_(tensors.at(slot.name));
}

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
                         core::field<&O::ema_evaluate>("ema_evaluate", "weights used for validation: average or raw")});
  return table;
}

}  // namespace margay::train
