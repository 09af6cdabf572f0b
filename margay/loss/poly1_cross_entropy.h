#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

struct Poly1CrossEntropyOptions {
  double epsilon = 1;
  Reduction reduction = Reduction::kMean;
  std::vector<double> class_weights;
  double label_smoothing = 0;
  std::int64_t ignore_index = -100;
  EmptyMean empty_mean = EmptyMean::kZero;

  static const core::OptionTable& fields();
};

/// Cross-entropy as its series -log p = Σ_i (1 - p)^i / i with another first coefficient, 1 + ε. With p = softmax(z),
/// class index y and target distribution q (onehot(y), or smoothed by s: (1 - s) onehot(y) + s / K):
///
///     loss = w_y Σ_k q_k (-log p_k + ε (1 - p_k))
///
/// Source: Leng et al., "PolyLoss", arXiv:2204.12511. ε > 0 rewards
/// confidence; ε = -1 drops the first term of the series, and below that a right prediction would be punished. The mean
/// divides by Σ w_y, as cross_entropy's.
///
/// logits: floating [N,K] or [N,K,d1,…]; float16 and bfloat16 are computed in float32. targets: class indices (int64,
/// int32, int16, uint8) [N] or [N,d1,…] in [0, K) or ignore_index: such a row gives loss 0 and gradient 0 whatever its
/// logits, and does not count. Result: float32 (float64 for float64 logits); a scalar, or the targets' shape for none.
/// Throws std::invalid_argument for shapes, dtypes, indices and options that do not fit.
torch::Tensor poly1_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                  const Poly1CrossEntropyOptions& options = {});

}  // namespace margay::loss
