#pragma once

#include <torch/types.h>

#include "margay/loss/reduction.h"

namespace margay::loss {

// Functions that turn a network's raw activations ("logits", z) into probabilities and their logarithms. See the
// fast.ai book, chapter 5. Each takes any floating dtype (float64, float32, bfloat16, float16) and returns it; on the
// CPU the half types are computed in float32. std::invalid_argument for tensors of whole numbers. Call them with their
// namespace: without, the compiler finds LibTorch's functions of the same names as well.

/// σ(z) = 1 / (1 + exp(-z)), each element on its own, so two of them need not sum to 1.
/// z: floating, any shape. Result: the same, in [0, 1].
torch::Tensor sigmoid(const torch::Tensor& z);

/// log σ(z) = -log(1 + exp(-z)), without ever forming a probability that could round to 0 or 1.
/// z: floating, any shape. Result: the same, in [-∞, 0].
torch::Tensor log_sigmoid(const torch::Tensor& z);

/// log(1 + exp(z)) = -log σ(-z), to the dtype's precision at both ends, and so are its first two derivatives for z →
/// -∞. (torch::softplus returns z itself from z = 20 on unless told otherwise, which float64 can tell apart.) z:
/// floating, any shape. Result: the same, in [0, ∞].
torch::Tensor softplus(const torch::Tensor& z);

/// exp(z_k) / Σ_j exp(z_j) along the class dimension; computed after subtracting the largest logit, so it
/// does not overflow. logits: floating [N,K] or [N,K,d1,…]. Result: same shape, each row sums to 1.
torch::Tensor softmax(const torch::Tensor& logits);

/// log softmax = z_k - log Σ_j exp(z_j), without ever forming a probability that could round to 0.
/// logits: floating [N,K] or [N,K,d1,…]. Result: same shape, in [-∞, 0].
torch::Tensor log_softmax(const torch::Tensor& logits);

// Losses of the target's probability p, computed from its log-odds u = log(p / (1 - p)): p = σ(u), 1 - p = σ(-u), -log
// p = softplus(-u), -log(1 - p) = softplus(u). None of them rounds to 0 or 1 before it has to, and none has a
// derivative that does not exist. Nothing is checked.

/// (1 - p)^γ (-log p) for p = σ(u), the focal loss of one prediction. γ ≥ 0. log_odds: float32 or float64, any shape;
/// u = ∞ gives 0 with gradient 0, u = -∞ gives ∞ with gradient -1.
torch::Tensor focal_nll(const torch::Tensor& log_odds, double gamma);

/// log(p_y / (1 - p_y)) = z_y - log Σ_{j≠y} exp(z_j) of p = softmax(z). Where no other class is possible it is the
/// largest number or ∞. Result: the targets' shape.
torch::Tensor target_log_odds(const KeptRows& rows);

}  // namespace margay::loss
