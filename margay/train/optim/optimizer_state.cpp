#include "margay/train/optim/optimizer_state.h"

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"

namespace margay::train {
namespace {

constexpr const char* kSteps = ".steps";

std::string key_of(const ParameterSlot& slot, Memory memory) {
  return slot.name + kMemoryNames[static_cast<std::size_t>(memory)];
}

std::int64_t steps_in(const model::TensorMap& state, const ParameterSlot& slot) {
  const auto found = state.find(slot.name + kSteps);
  return found == state.end() ? 0 : found->second.item<std::int64_t>();
}

/// The tensors that the slot will take from the state, or an exception.
std::size_t count_checked(const ParameterSlot& slot, const model::TensorMap& state, const OptimizerOptions& options,
                          const std::filesystem::path& source) {
  const std::vector<Memory> memories = memories_of(slot, options);
  for (const Memory memory : memories) {
    const auto found = state.find(key_of(slot, memory));
    if (found == state.end() || found->second.sizes() != slot.parameter.sizes()) {
      throw core::FormatError(source,
                              fmt::format("optimizer state '{}' is missing or of another shape", key_of(slot, memory)));
    }
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
      if (steps_in(state, slot) != 0) used += count_checked(slot, state, options, source);
    }
  }
  if (used != state.size()) {
    throw core::FormatError(source, "optimizer state names what this model or this optimizer lacks");
  }
  for (auto& slots : groups) {
    std::vector<ParameterSlot*> stepped;
    for (ParameterSlot& slot : slots) {
      slot.steps = steps_in(state, slot);
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
