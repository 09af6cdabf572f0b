#pragma once

#include "margay/loss/reduction.h"

namespace margay::loss {

struct CrossEntropyOptions {
  Reduction reduction = Reduction::kMean;
};

/// Cross-entropy of a softmax: -log softmax(z)[y] = log Σ_j exp(z_j) - z_y, as nll_loss(log_softmax(z), y).
/// Its gradient for one row is softmax(z) - onehot(y) (times 1/N for the mean). Goodfellow, Bengio, Courville,
/// "Deep Learning" (2016), §6.2.2.3; the fast.ai book, chapter 5.
/// logits: floating [N,K] or [N,K,d1,…]; half-precision logits are computed in float32.
/// targets: whole indices [N] or [N,d1,…] in [0, K).
/// Result: float scalar for mean and sum, [N] or [N,d1,…] for none.
/// Throws std::invalid_argument for shapes, dtypes or indices that do not fit.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options = {});

}  // namespace margay::loss
