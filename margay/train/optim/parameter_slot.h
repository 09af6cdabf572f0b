#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/model/classifier.h"
#include "margay/train/optim/optimizer_options.h"

namespace margay::train {

/// What an optimizer may remember of a parameter.
enum class Memory { kAvg, kSqrAvg, kSlow, kMaster };
inline constexpr std::array kMemories = {Memory::kAvg, Memory::kSqrAvg, Memory::kSlow, Memory::kMaster};
inline constexpr std::array kMemoryNames = {".avg", ".sqr_avg", ".slow", ".master"};

/// A parameter and what is remembered of it. The tensors are undefined before its first step and where the rule does
/// not need them; they have the parameter's shape and strides, and its type, or float32 where that is a half.
struct ParameterSlot {
  std::string name;
  at::Tensor parameter;
  bool decays = true;
  std::int64_t steps = 0;
  std::array<at::Tensor, kMemories.size()> memory;

  at::Tensor& operator[](Memory which) { return memory[static_cast<std::size_t>(which)]; }
  const at::Tensor& operator[](Memory which) const { return memory[static_cast<std::size_t>(which)]; }

  /// bfloat16 or float16: small steps would vanish in it, so a float32 master is what steps.
  bool is_half() const;
  /// What steps: the master if there is one.
  at::Tensor& stepped() { return is_half() ? (*this)[Memory::kMaster] : parameter; }
};

std::vector<ParameterSlot> parameter_slots(const model::ParameterGroup& group);

/// Which memories a rule needs of a parameter, in the order of kMemories.
std::vector<Memory> memories_of(const ParameterSlot& slot, const OptimizerOptions& options);

/// Gives memory to those slots that have none: the averages 0, masters and slow weights the parameter's values.
/// Slots of one type and device share one block of memory.
void allocate(const std::vector<ParameterSlot*>& slots, const OptimizerOptions& options);

/// Brings the memory to where and how the parameter now is: its device, strides and type may have been changed since.
void follow_parameter(ParameterSlot& slot);

/// A parameter that is about to step.
struct ParameterStep {
  ParameterSlot* slot;
  at::Tensor gradient;  ///< of the parameter's shape and strides
  StepNumbers numbers;
};

/// Those whose slow weights take part now, every options.lookahead steps of each, with the numbers for it.
std::vector<ParameterStep> meetings_of(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

/// True for what step_spans can do: float32, bfloat16 or float16 in the CPU's memory, without holes.
bool can_step_spans(const at::Tensor& parameter);

/// Steps all of them in one walk over their memory (two for LAMB and LARS), shared out evenly among LibTorch's threads.
/// The results do not depend on how many there are. options: resolved.
void step_spans(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

/// The same by LibTorch's multi-tensor operators, for every device and type. The norms of LAMB and LARS are waited for;
/// parameters in bfloat16 or float16 cost two small launches each (LibTorch 1.13 has no multi-tensor copy).
void step_lists(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

}  // namespace margay::train
