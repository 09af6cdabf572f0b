#pragma once

#include <torch/types.h>

namespace margay::loss {

// What turns a network's raw activations ("logits", z) into probabilities. See the fast.ai book, chapter 5.

/// σ(z) = 1 / (1 + exp(-z)), each element on its own, so two of them need not sum to 1.
/// z: any floating dtype and shape. Result: the same, in (0, 1).
torch::Tensor sigmoid(const torch::Tensor& z);

/// exp(z_k) / Σ_j exp(z_j) along the class dimension; computed after subtracting the largest logit, so it
/// does not overflow. logits: floating [N,K] or [N,K,d1,…]. Result: same shape, each row sums to 1.
torch::Tensor softmax(const torch::Tensor& logits);

/// log softmax = z_k - log Σ_j exp(z_j), without ever forming a probability that could round to 0.
/// logits: floating [N,K] or [N,K,d1,…]. Result: same shape, in (-∞, 0].
torch::Tensor log_softmax(const torch::Tensor& logits);

}  // namespace margay::loss
