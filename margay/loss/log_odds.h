#pragma once

#include <torch/types.h>

#include "margay/loss/kept_rows.h"

namespace margay::loss {

// Losses of the target's probability p by its log-odds u = log(p / (1 - p)): p = σ(u), 1 - p = σ(-u),
// -log p = softplus(-u), -log(1 - p) = softplus(u). None of them rounds to 0 or 1 before it has to, and none has a
// derivative that does not exist. Nothing is checked.

/// (1 - p)^γ (-log p) for p = σ(u), the focal loss of one prediction. γ ≥ 0. log_odds: float32 or float64, any shape;
/// u = ∞ gives 0 with gradient 0, u = -∞ gives ∞ with gradient -1.
torch::Tensor focal_nll(const torch::Tensor& log_odds, double gamma);

/// log(p_y / (1 - p_y)) = z_y - log Σ_{j≠y} exp(z_j) of p = softmax(z). Where no other class is possible it is the
/// largest number or ∞. Result: the targets' shape.
torch::Tensor target_log_odds(const KeptRows& rows);

}  // namespace margay::loss
