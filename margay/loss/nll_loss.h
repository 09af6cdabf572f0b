#pragma once

#include "margay/loss/reduction.h"

namespace margay::loss {

/// The entry of the target class of each row: x[n, y_n]. Nothing is checked.
/// scores: [N,K] or [N,K,d1,…]; targets: whole indices [N] or [N,d1,…]. Result: the targets' shape.
torch::Tensor pick(const torch::Tensor& scores, const torch::Tensor& targets);

/// Picks the entry of the target class and negates it: -x[n, y_n]. Despite its name ("negative log-likelihood")
/// it takes no logarithm; give it log_softmax(logits) and it is cross-entropy.
/// scores: floating [N,K] or [N,K,d1,…]; targets: whole indices [N] or [N,d1,…] in [0, K).
/// Throws std::invalid_argument for shapes, dtypes or indices that do not fit.
torch::Tensor nll_loss(const torch::Tensor& scores, const torch::Tensor& targets,
                       Reduction reduction = Reduction::kMean);

}  // namespace margay::loss
