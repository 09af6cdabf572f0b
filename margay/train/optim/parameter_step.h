#pragma once

#include <vector>

#include "margay/train/optim/parameter_slot.h"
#include "margay/train/optim/step_numbers.h"

namespace margay::train {

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
