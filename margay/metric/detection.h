#pragma once

#include <torch/types.h>

namespace margay::metric {

/// How well a score tells two kinds of images apart, the positives being those that should score high.
struct Detection {
  /// The area under the ROC curve: how often a positive scores higher than a negative, equal scores counting half (Mann
  /// and Whitney 1947; Hanley and McNeil 1982). NaN without positives or without negatives.
  double auroc = 0;
  /// The average precision of the positives, Σ (recall_i - recall_{i-1}) precision_i over the distinct scores
  /// (scikit-learn's average_precision_score). NaN as above.
  double aupr = 0;
  /// The share of negatives that score as high as the threshold which 95 % of the positives reach (FPR at 95 % TPR).
  /// NaN as above.
  double fpr_at_95 = 0;
};

/// positives, negatives: floating [N] and [M] on the CPU, infinities allowed. Throws std::invalid_argument for other
/// shapes and for NaN.
Detection detection(const torch::Tensor& positives, const torch::Tensor& negatives);

}  // namespace margay::metric
