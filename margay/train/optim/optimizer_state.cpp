#include "margay/train/optim/optimizer_state.h"

#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"

namespace margay::train {
namespace {

constexpr const char* kSteps = ".steps";

std::string key_of(const ParameterSlot& slot, Memory memory) {
  return slot.name + kMemoryNames[static_cast<std::size_t>(memory)];
}

/// 0 where the state does not name the slot. Throws core::FormatError for what is no count.
std::int64_t steps_in(const model::TensorMap& state, const ParameterSlot& slot, const std::filesystem::path& source) {
  const auto found = state.find(slot.name + kSteps);
  if (found == state.end()) return 0;
  const torch::Tensor& count = found->second;
  const bool is_scalar = count.scalar_type() == torch::kLong && count.dim() == 0;
  const std::int64_t steps = is_scalar ? count.item<std::int64_t>() : -1;
  if (steps >= 0) return steps;
  throw core::FormatError(
      source, fmt::format("optimizer state '{}' must be one int64 that is not negative, is {} {}", found->first,
                          c10::toString(count.scalar_type()),
                          is_scalar ? std::to_string(steps) : fmt::format("[{}]", fmt::join(count.sizes(), ","))));
}

/// The tensors that the slot will take from the state, or an exception.
std::size_t count_checked(const ParameterSlot& slot, const model::TensorMap& state, const OptimizerOptions& options,
                          const std::filesystem::path& source) {
  const std::vector<Memory> memories = memories_of(slot, options);
  for (const Memory memory : memories) {
    const auto found = state.find(key_of(slot, memory));
    const bool is_right =
        found != state.end() && found->second.sizes() == slot.parameter.sizes() && found->second.is_floating_point();
    if (is_right) continue;
    throw core::FormatError(
        source, fmt::format("optimizer state '{}' is missing, of another shape or no floating-point numbers",
                            key_of(slot, memory)));
  }
  return memories.size() + 1;
}

}  // namespace

model::TensorMap state_of(const std::vector<std::vector<ParameterSlot>>& groups) {
  model::TensorMap state;
  for (const auto& slots : groups) {
    for (const ParameterSlot& slot : slots) {
      if (slot.steps == 0) continue;
      for (const Memory memory : kMemories) {
        if (slot[memory].defined()) state[key_of(slot, memory)] = slot[memory];
      }
      state[slot.name + kSteps] = torch::tensor(slot.steps, torch::kLong);
    }
  }
  return state;
}

void load_state(std::vector<std::vector<ParameterSlot>>& groups, const model::TensorMap& state,
                const OptimizerOptions& options, const std::filesystem::path& source) {
  const torch::NoGradGuard no_grad;
  std::size_t used = 0;
  for (const auto& slots : groups) {
    for (const ParameterSlot& slot : slots) {
      if (steps_in(state, slot, source) != 0) used += count_checked(slot, state, options, source);
    }
  }
  if (used != state.size()) {
    throw core::FormatError(source, "optimizer state names what this model or this optimizer lacks");
  }
  for (auto& slots : groups) {
    std::vector<ParameterSlot*> stepped;
    for (ParameterSlot& slot : slots) {
      slot.steps = steps_in(state, slot, source);
      slot.memory = {};  // new memory: `state` may hold views of the old
      if (slot.steps != 0) stepped.push_back(&slot);
    }
    allocate(stepped, options);
    for (ParameterSlot* slot : stepped) {
      for (const Memory memory : memories_of(*slot, options)) (*slot)[memory].copy_(state.at(key_of(*slot, memory)));
    }
  }
}

}  // namespace margay::train
