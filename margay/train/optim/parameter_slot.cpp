#include "margay/train/optim/parameter_slot.h"

#include <algorithm>

#include <torch/types.h>

#include "margay/train/optim/muon.h"

namespace margay::train {
namespace {

constexpr std::int64_t kAlignment = 16;  // floats: a cache line, and the widest vector

std::int64_t padded(std::int64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

torch::TensorOptions memory_options(const ParameterSlot& slot) {
  return slot.parameter.options().dtype(slot.is_half() ? torch::kFloat : slot.parameter.scalar_type());
}

bool same_kind(const ParameterSlot& a, const ParameterSlot& b) {
  return a.parameter.scalar_type() == b.parameter.scalar_type() && a.parameter.device() == b.parameter.device() &&
         a.is_matrix == b.is_matrix;
}

/// Memory by memory, so that a rule streams through few places: all averages, then all averages of squares, ...
void allocate_block(const std::vector<ParameterSlot*>& slots, const OptimizerOptions& options) {
  const std::vector<Memory> memories = memories_of(*slots.front(), options);
  std::int64_t length = 0;
  for (const ParameterSlot* slot : slots) length += padded(slot->parameter.numel());
  const torch::Tensor block =
      torch::zeros({length * static_cast<std::int64_t>(memories.size())}, memory_options(*slots.front()));
  std::int64_t offset = 0;
  for (const Memory memory : memories) {
    for (ParameterSlot* slot : slots) {
      torch::Tensor& tensor = (*slot)[memory];
      tensor = block.as_strided(slot->parameter.sizes(), slot->parameter.strides(), offset);
      if (memory == Memory::kSlow || memory == Memory::kMaster) tensor.copy_(slot->parameter);
      offset += padded(slot->parameter.numel());
    }
  }
}

}  // namespace

bool ParameterSlot::is_half() const {
  return parameter.scalar_type() == torch::kBFloat16 || parameter.scalar_type() == torch::kHalf;
}

std::vector<ParameterSlot> parameter_slots(const model::ParameterGroup& group, const OptimizerOptions& options) {
  std::vector<ParameterSlot> slots;
  for (const model::NamedParameter& parameter : group.parameters) {
    slots.push_back({.name = parameter.name,
                     .parameter = parameter.tensor,
                     .decays = !parameter.is_norm_or_bias,
                     .is_matrix = options.kind == OptimizerKind::kMuon && is_hidden_matrix(parameter),
                     .rate = parameter.rate});
  }
  return slots;
}

std::vector<Memory> memories_of(const ParameterSlot& slot, const OptimizerOptions& options) {
  std::vector<Memory> memories = {Memory::kAvg};
  if (options.sqr_mom && !slot.is_matrix) memories.push_back(Memory::kSqrAvg);
  if (options.lookahead) memories.push_back(Memory::kSlow);
  if (slot.is_half()) memories.push_back(Memory::kMaster);
  return memories;
}

void allocate(const std::vector<ParameterSlot*>& slots, const OptimizerOptions& options) {
  std::vector<ParameterSlot*> waiting;
  std::copy_if(slots.begin(), slots.end(), std::back_inserter(waiting),
               [](const ParameterSlot* slot) { return !(*slot)[Memory::kAvg].defined(); });
  while (!waiting.empty()) {
    const ParameterSlot& first = *waiting.front();
    const auto rest = std::stable_partition(waiting.begin(), waiting.end(),
                                            [&](const ParameterSlot* slot) { return same_kind(*slot, first); });
    allocate_block({waiting.begin(), rest}, options);
    waiting.erase(waiting.begin(), rest);
  }
}

void follow_parameter(ParameterSlot& slot) {
  if (!slot[Memory::kAvg].defined()) return;
  const torch::TensorOptions options = memory_options(slot);
  at::Tensor& master = slot[Memory::kMaster];
  if (!slot.is_half()) master = at::Tensor();
  if (slot.is_half() && !master.defined()) master = slot.parameter.detach().to(options);
  for (at::Tensor& tensor : slot.memory) {
    if (!tensor.defined()) continue;
    const bool is_alike = tensor.strides() == slot.parameter.strides() && tensor.dtype() == options.dtype() &&
                          tensor.device() == options.device();
    if (!is_alike) tensor = torch::empty_like(slot.parameter, options).copy_(tensor);
  }
}

std::vector<ParameterStep> meetings_of(const std::vector<ParameterStep>& steps, const OptimizerOptions& options) {
  std::vector<ParameterStep> meetings;
  if (!options.lookahead) return meetings;
  for (const ParameterStep& step : steps) {
    if (step.slot->steps % *options.lookahead != 0) continue;
    meetings.push_back({step.slot, step.gradient, {.alpha = *options.lookahead_alpha}});
  }
  return meetings;
}

}  // namespace margay::train
