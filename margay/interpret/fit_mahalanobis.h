#pragma once

#include <cstdint>

#include <torch/types.h>

#include "margay/predict/unknown_score.h"

namespace margay::interpret {

/// bool [N,K]: the classes of each image. targets: int64 [N], or floating [N,K] of 0 and 1; num_classes: K. Throws
/// std::invalid_argument for others.
torch::Tensor class_members(const torch::Tensor& targets, std::int64_t num_classes);

/// Fits the means and the covariance within classes, in float64. The covariance is that of features around their
/// class's mean, shrunk towards a multiple of 1 as much as Ledoit and Wolf's estimate says ("A well-conditioned
/// estimator for large-dimensional covariance matrices", Journal of Multivariate Analysis 2004), so that there may be
/// more features than images; a millionth of the mean variance of all images is added, for classes of one image or of
/// equal ones. An image of several classes counts in each; those of no class count for nothing.
///
/// features: floating [N,D], of any length; members: bool [N,K]; most_directions: how many discriminants are kept at
/// most, the largest first. Without any difference of means all distances are 0. Throws std::invalid_argument for
/// shapes that do not fit, no members, and non-finite features.
predict::MahalanobisDistances fit_mahalanobis(const torch::Tensor& features, const torch::Tensor& members,
                                              std::int64_t most_directions);

}  // namespace margay::interpret
