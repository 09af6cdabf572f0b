#include "margay/train/optim/optimizer.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/train/optim/muon.h"

namespace margay::train {

std::unique_ptr<Optimizer> make_optimizer(const std::vector<model::ParameterGroup>& groups,
                                          const OptimizerOptions& options) {
  return std::make_unique<RuleOptimizer>(groups, options);
}

namespace {

void check(const Hyper& hyper, std::size_t num_groups) {
  if (hyper.lrs.size() != num_groups) {
    throw std::invalid_argument(
        fmt::format("[optimizer] {} learning rates for {} parameter groups", hyper.lrs.size(), num_groups));
  }
  if (!(hyper.momentum >= 0 && hyper.momentum < 1)) {
    throw std::invalid_argument(fmt::format("[optimizer] momentum must lie in [0, 1), got {}", hyper.momentum));
  }
}

bool has_step(const ParameterSlot& slot) { return slot.parameter.requires_grad() && slot.parameter.grad().defined(); }

at::Tensor with_strides_of(const at::Tensor& parameter, const at::Tensor& gradient) {
  if (gradient.strides() == parameter.strides()) return gradient;
  return torch::empty_like(parameter).copy_(gradient);
}

/// What updates the parameters that are none of Muon's matrices.
OptimizerOptions of_others(OptimizerOptions options) {
  if (options.kind == OptimizerKind::kMuon) options.kind = OptimizerKind::kAdam;
  return options;
}

}  // namespace

RuleOptimizer::RuleOptimizer(const std::vector<model::ParameterGroup>& groups, const OptimizerOptions& options,
                             StepBy by)
    : options_(resolve(options)), by_(by) {
  for (const model::ParameterGroup& group : groups) groups_.push_back(parameter_slots(group, options_));
}

void RuleOptimizer::step(const Hyper& hyper) {
  check(hyper, groups_.size());
  const torch::NoGradGuard no_grad;
  std::vector<ParameterStep> spans = begin_steps(hyper);
  const auto first_of_matrices = std::stable_partition(spans.begin(), spans.end(),
                                                       [](const ParameterStep& step) { return !step.slot->is_matrix; });
  step_matrices({first_of_matrices, spans.end()}, options_);
  spans.erase(first_of_matrices, spans.end());
  const auto first_of_lists = std::stable_partition(spans.begin(), spans.end(), [&](const ParameterStep& step) {
    return by_ == StepBy::kAuto && can_step_spans(step.slot->parameter);
  });
  const std::vector<ParameterStep> lists(first_of_lists, spans.end());
  spans.erase(first_of_lists, spans.end());
  const OptimizerOptions others = of_others(options_);
  step_spans(spans, others);
  step_lists(lists, others);
}

/// The parameters that have a gradient, one step older.
std::vector<ParameterStep> RuleOptimizer::begin_steps(const Hyper& hyper) {
  std::vector<ParameterStep> steps;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    std::vector<ParameterSlot*> stepping;
    for (ParameterSlot& slot : groups_[group]) {
      if (!has_step(slot)) continue;
      follow_parameter(slot);
      stepping.push_back(&slot);
    }
    allocate(stepping, options_);
    for (ParameterSlot* slot : stepping) {
      ++slot->steps;
      const double lr = hyper.lrs[group] * slot->rate;
      StepNumbers numbers = step_numbers(options_, {lr, hyper.momentum, slot->steps, slot->decays});
      if (slot->is_matrix) numbers.lr = lr;
      steps.push_back({slot, with_strides_of(slot->parameter, slot->parameter.grad()), numbers});
    }
  }
  return steps;
}

void RuleOptimizer::zero_grad() {
  for (auto& slots : groups_) {
    for (ParameterSlot& slot : slots) slot.parameter.mutable_grad() = torch::Tensor();
  }
}

model::TensorMap RuleOptimizer::state() const { return state_of(groups_); }

void RuleOptimizer::load_state(const model::TensorMap& state, const std::filesystem::path& source) {
  train::load_state(groups_, state, options_, source);
}

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
                          is_scalar ? std::to_string(steps) : fmt::format("[{}]", core::joined(count.sizes(), ","))));
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
