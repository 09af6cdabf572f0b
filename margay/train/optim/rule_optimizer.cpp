#include "margay/train/optim/rule_optimizer.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/optim/optimizer_state.h"

namespace margay::train {
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

}  // namespace

RuleOptimizer::RuleOptimizer(const std::vector<model::ParameterGroup>& groups, const OptimizerOptions& options,
                             StepBy by)
    : options_(resolve(options)), by_(by) {
  for (const model::ParameterGroup& group : groups) groups_.push_back(parameter_slots(group));
}

void RuleOptimizer::step(const Hyper& hyper) {
  check(hyper, groups_.size());
  const torch::NoGradGuard no_grad;
  std::vector<ParameterStep> spans = begin_steps(hyper);
  const auto first_of_lists = std::stable_partition(spans.begin(), spans.end(), [&](const ParameterStep& step) {
    return by_ == StepBy::kAuto && can_step_spans(step.slot->parameter);
  });
  const std::vector<ParameterStep> lists(first_of_lists, spans.end());
  spans.erase(first_of_lists, spans.end());
  step_spans(spans, options_);
  step_lists(lists, options_);
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
      steps.push_back({slot, with_strides_of(slot->parameter, slot->parameter.grad()),
                       step_numbers(options_, {hyper.lrs[group], hyper.momentum, slot->steps, slot->decays})});
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

}  // namespace margay::train
