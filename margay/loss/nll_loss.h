#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

struct NllLossOptions {
  Reduction reduction = Reduction::kMean;
  std::vector<double> class_weights;
  std::int64_t ignore_index = -100;
  EmptyMean empty_mean = EmptyMean::kZero;

  static constexpr const char* kName = "nll_loss";
  static constexpr auto fields() {
    using O = NllLossOptions;
    return std::tuple{core::field("reduction", &O::reduction, "mean, sum or none"),
                      core::field("class_weights", &O::class_weights, "one weight per class, not negative"),
                      core::field("ignore_index", &O::ignore_index, "a target that says: leave this one out"),
                      core::field("empty_mean", &O::empty_mean, "the mean when nothing counts: zero, or nan")};
  }
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
