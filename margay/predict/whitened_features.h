#pragma once

#include <torch/types.h>

namespace margay::predict {

/// Directions of features, in which every difference between images counts alike: x - mean, multiplied by the inverse
/// root of the covariance + its mean eigenvalue · 1.
class WhitenedFeatures {
 public:
  /// rows: float [N,D], N > 0. Of more than 16,384 rows some, spread evenly, give the covariance; of more than 4,096
  /// features only the mean is taken off.
  explicit WhitenedFeatures(const torch::Tensor& rows);

  /// rows: float [n,D]. Result: float [n,D] of length 1, or 0 where a row is the mean. With L Lᵀ = C + shrinkage · 1
  /// the cosines of L⁻¹ x are those of (C + shrinkage · 1)^(-1/2) x.
  torch::Tensor directions(const torch::Tensor& rows) const;

 private:
  torch::Tensor mean_;
  torch::Tensor root_;  ///< lower triangular; undefined: of too many features, or without any variance
};

}  // namespace margay::predict
