#pragma once

#include <vector>

#include <torch/types.h>

namespace margay::loss {

/// weight · value, where 0 · ±∞ is 0, and so is its gradient by value: what has probability 0 adds nothing, however
/// impossible its logarithm says it is. NaN stays NaN. weight, value: floating, of shapes that broadcast to value's.
torch::Tensor weighted(const torch::Tensor& weight, const torch::Tensor& value);

/// Weights shaped so that they broadcast along dimension 1 of `like`, [N,K] or [N,K,d1,…], in its dtype and on its
/// device. weights: K numbers.
torch::Tensor along_columns(const std::vector<double>& weights, const torch::Tensor& like);

}  // namespace margay::loss
