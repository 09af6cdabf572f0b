#include "margay/predict/whitened_features.h"

#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <torch/utils.h>

namespace margay::predict {

WhitenedFeatures::WhitenedFeatures(const torch::Tensor& rows) : mean_(rows.mean(0)) {
  constexpr std::int64_t kMostRows = 16384;  // enough for a covariance, and its cost does not grow
  constexpr std::int64_t kMostFeatures = 4096;
  if (rows.size(1) > kMostFeatures) return;
  const std::int64_t step = (rows.size(0) + kMostRows - 1) / kMostRows;
  const torch::Tensor centred = rows.slice(0, 0, rows.size(0), step) - mean_;
  const torch::Tensor covariance = centred.t().mm(centred) / centred.size(0);
  const torch::Tensor shrinkage = covariance.diagonal().mean();
  if (shrinkage.item<double>() <= 0) return;
  root_ = at::linalg_cholesky(covariance + shrinkage * torch::eye(rows.size(1)));
}

torch::Tensor WhitenedFeatures::directions(const torch::Tensor& rows) const {
  torch::Tensor x = rows - mean_;
  if (root_.defined()) x = at::linalg_solve_triangular(root_, x.t(), /*upper=*/false).t().contiguous();
  return x / x.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
}

}  // namespace margay::predict
