#pragma once

#include <torch/types.h>

namespace margay::loss {

/// weight · value, where 0 · ±∞ is 0, and so is its gradient by value: what has probability 0 adds nothing, however
/// impossible its logarithm says it is. NaN stays NaN. weight, value: floating, of shapes that broadcast to value's.
torch::Tensor weighted(const torch::Tensor& weight, const torch::Tensor& value);

}  // namespace margay::loss
