#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

/// How much M predictions for the same image disagree: the generalised Jensen-Shannon divergence of
/// p_m = softmax(z_m), with H(p) = -Σ_k p_k log p_k, 0 log 0 = 0 and the mean p̄ of the p_m,
///
///     loss = H(p̄) - mean_m H(p_m) = mean_m Σ_k p_mk log(p_mk / p̄_k)
///
/// in [0, log M] up to rounding, and exactly 0 where all logits are the same. Sources: Lin, "Divergence measures based
/// on the Shannon entropy", IEEE Transactions on Information Theory 37 (1991); for training: Hendrycks et al. (AugMix),
/// arXiv:1912.02781, §3.
///
/// logits: M ≥ 1 tensors of one shape, floating [N,K] or [N,K,d1,…]; -inf is a class that cannot be. Result: float32
/// (float64 for float64 logits); a scalar, or [N] or [N,d1,…] for none; the mean of no rows is 0. Throws
/// std::invalid_argument for shapes and dtypes that do not fit.
torch::Tensor jensen_shannon(const std::vector<torch::Tensor>& logits, Reduction reduction = Reduction::kMean);

struct JsdCrossEntropyOptions {
  std::int64_t num_splits = 3;
  double alpha = 12;
  CrossEntropyOptions cross_entropy;

  static const core::OptionTable& fields();
};

/// cross_entropy of the clean images + alpha · jensen_shannon of all versions, AugMix's loss (arXiv:1912.02781, §3).
///
/// logits: floating [M·N,K] or [M·N,K,d1,…]: N clean images, then M - 1 altered versions of the N in the same order.
/// targets: those of the N clean ones, as cross_entropy takes them. The reduction of `cross_entropy` is used for both
/// terms. Class weights, smoothing, temperature and ignored targets affect the cross-entropy alone, since agreement
/// needs no label. Result: as cross_entropy of the clean images. Throws std::invalid_argument when num_splits does not
/// divide the rows, and as cross_entropy.
torch::Tensor jsd_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                const JsdCrossEntropyOptions& options = {});

}  // namespace margay::loss
