#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::loss {

// Losses of the target's probability p by its log-odds u = log(p / (1 - p)): p = σ(u), 1 - p = σ(-u),
// -log p = softplus(-u), -log(1 - p) = softplus(u). None of them rounds to 0 or 1 before it has to, and none has a
// derivative that does not exist. Nothing is checked.

/// (1 - p)^γ (-log p) for p = σ(u), the focal loss of one prediction. γ ≥ 0. log_odds: float32 or float64, any shape;
/// u = ∞ gives 0 with gradient 0, u = -∞ gives ∞ with gradient -1.
torch::Tensor focal_nll(const torch::Tensor& log_odds, double gamma);

/// Logits and targets in which nothing is left of ignored rows: logits 0, target 0. They may have held infinities or
/// NaN, of which no part may reach a sum or a gradient.
struct KeptRows {
  torch::Tensor logits;   ///< float32 or float64 [N,K] or [N,K,d1,…]
  torch::Tensor targets;  ///< int64 [N] or [N,d1,…], in [0, K)
  torch::Tensor weights;  ///< w_y, 0 for an ignored row; the logits' dtype, the targets' shape
};

/// class_weights may be empty: all 1.
KeptRows without_ignored(const torch::Tensor& logits, const torch::Tensor& targets,
                         const std::vector<double>& class_weights, std::int64_t ignore_index);

/// log(p_y / (1 - p_y)) = z_y - log Σ_{j≠y} exp(z_j) of p = softmax(z). Where no other class is possible it is the
/// largest number or ∞. Result: the targets' shape.
torch::Tensor target_log_odds(const KeptRows& rows);

}  // namespace margay::loss
