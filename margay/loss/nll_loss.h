#pragma once

#include <cstdint>
#include <vector>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

struct NllLossOptions {
  Reduction reduction = Reduction::kMean;
  std::vector<double> class_weights;
  std::int64_t ignore_index = -100;
  EmptyMean empty_mean = EmptyMean::kZero;

  static const core::OptionTable& fields();
};

/// The entry of the target class of each row: x[n, y_n]. Nothing is checked.
/// scores: [N,K] or [N,K,d1,…]; targets: whole indices [N] or [N,d1,…]. Result: the targets' shape.
torch::Tensor pick(const torch::Tensor& scores, const torch::Tensor& targets);

/// Picks the entry of the target class and negates it: -w_y x[n, y_n]; the mean divides by Σ w_y. Despite its name
/// ("negative log-likelihood") it takes no logarithm; give it log_softmax(logits) and it is cross-entropy.
/// scores: floating [N,K] or [N,K,d1,…]; targets: class indices (int64, int32, int16, uint8) [N] or [N,d1,…] in [0, K)
/// or ignore_index: such a row gives 0 and does not count. Throws std::invalid_argument for shapes, dtypes or indices
/// that do not fit.
torch::Tensor nll_loss(const torch::Tensor& scores, const torch::Tensor& targets, const NllLossOptions& options = {});

}  // namespace margay::loss
