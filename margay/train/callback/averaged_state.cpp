#include "margay/train/callback/averaged_state.h"

#include <algorithm>
#include <cstdint>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/train/precision/tensor_kind.h"

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

}  // namespace margay::train
