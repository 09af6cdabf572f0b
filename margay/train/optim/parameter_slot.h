#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/model/classifier.h"
#include "margay/train/optim/optimizer_options.h"

namespace margay::train {

/// The tensors that an optimizer may keep for a parameter.
enum class Memory { kAvg, kSqrAvg, kSlow, kMaster };
inline constexpr std::array kMemories = {Memory::kAvg, Memory::kSqrAvg, Memory::kSlow, Memory::kMaster};
inline constexpr std::array kMemoryNames = {".avg", ".sqr_avg", ".slow", ".master"};

/// A parameter and its optimizer state. The tensors are undefined before its first step and if the rule does not need
/// them. They have the parameter's shape and strides, and its type, or float32 if that is a half type.
struct ParameterSlot {
  std::string name;
  at::Tensor parameter;
  bool decays = true;
  bool is_matrix = false;  ///< of Muon's hidden layers
  double rate = 1;         ///< times its group's learning rate
  std::int64_t steps = 0;
  std::array<at::Tensor, kMemories.size()> memory;

  at::Tensor& operator[](Memory which) { return memory[static_cast<std::size_t>(which)]; }
  const at::Tensor& operator[](Memory which) const { return memory[static_cast<std::size_t>(which)]; }

  /// Whether the parameter is bfloat16 or float16: small steps would vanish in it, so a float32 master is updated
  /// instead.
  bool is_half() const;
  /// The tensor that is updated: the master if there is one.
  at::Tensor& stepped() { return is_half() ? (*this)[Memory::kMaster] : parameter; }
};

std::vector<ParameterSlot> parameter_slots(const model::ParameterGroup& group, const OptimizerOptions& options);

/// The tensors that a rule needs for a parameter, in the order of kMemories.
std::vector<Memory> memories_of(const ParameterSlot& slot, const OptimizerOptions& options);

/// Allocates the tensors of slots that have none: averages start at 0, masters and slow weights at the parameter's
/// values.
/// Slots of one type and device share one block of memory.
void allocate(const std::vector<ParameterSlot*>& slots, const OptimizerOptions& options);

/// Moves the tensors to the parameter's current device, strides and type, which may have changed.
void follow_parameter(ParameterSlot& slot);

/// A parameter that is about to be updated.
struct ParameterStep {
  ParameterSlot* slot;
  at::Tensor gradient;  ///< of the parameter's shape and strides
  StepNumbers numbers;
};

/// The steps whose slow weights are updated now, every options.lookahead steps of each parameter, with the numbers for
/// it.
std::vector<ParameterStep> meetings_of(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

/// Whether step_spans can update the parameter: float32, bfloat16 or float16 in CPU memory, without gaps.
bool can_step_spans(const at::Tensor& parameter);

/// Updates all of them in one pass over their memory (two for LAMB and LARS), divided evenly among LibTorch's threads.
/// The results do not depend on the number of threads. options: resolved.
void step_spans(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

/// The same by LibTorch's multi-tensor operators, for every device and type. It waits for the norms of LAMB and LARS;
/// parameters in bfloat16 or float16 cost two small launches each (LibTorch 1.13 has no multi-tensor copy).
void step_lists(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

}  // namespace margay::train
