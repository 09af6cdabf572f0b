#include <cmath>
#include <utility>

#include <torch/types.h>

#include "margay/train/probe/hat_blocks.h"
#include "margay/train/probe/ridge_fit.h"

namespace margay::train {
namespace {

/// Weighted sums of some images.
struct RidgeSums {
  double weight = 0;      // W
  torch::Tensor rows;     // [d]
  torch::Tensor targets;  // [K]
  torch::Tensor squares;  // [d,d]
  torch::Tensor moments;  // [d,K]

  RidgeSums(std::int64_t d, std::int64_t k)
      : rows(torch::zeros({d}, torch::kDouble)),
        targets(torch::zeros({k}, torch::kDouble)),
        squares(torch::zeros({d, d}, torch::kDouble)),
        moments(torch::zeros({d, k}, torch::kDouble)) {}

  /// rows: [n,d]; targets: [n,K]; weights: [n]
  void add(const torch::Tensor& some_rows, const torch::Tensor& some_targets, const torch::Tensor& weights) {
    const torch::Tensor weighted = some_rows * weights.unsqueeze(1);
    weight += weights.sum().item<double>();
    rows += weighted.sum(0);
    targets += weights.unsqueeze(0).matmul(some_targets).squeeze(0);
    squares.addmm_(some_rows.t(), weighted);
    moments.addmm_(weighted.t(), some_targets);
  }
};

/// A ridge regression by the eigenvectors V and eigenvalues s of its Gram matrix: the weights for strength l are
/// V C / (s + l) with C = Vᵀ Σ w (x - mean)(y - mean)ᵀ.
struct DecomposedGram {
  torch::Tensor mean;         // [d]
  torch::Tensor target_mean;  // [K]
  torch::Tensor values;       // [d], s
  torch::Tensor vectors;      // [d,d], V
  torch::Tensor moments;      // [d,K], C

  explicit DecomposedGram(const RidgeSums& sums)
      : mean(sums.rows / sums.weight), target_mean(sums.targets / sums.weight) {
    const torch::Tensor gram = sums.squares - torch::outer(mean, sums.rows);
    if (!gram.sum().isfinite().item<bool>()) refuse_ridge("features or weights are too large: their squares overflow");
    const auto [all_values, all_vectors] = torch::linalg_eigh((gram + gram.t()) / 2);
    values = all_values.clamp_min(0);
    vectors = all_vectors;
    moments = vectors.t().matmul(sums.moments - torch::outer(mean, sums.targets));
  }

  /// [d,K]
  torch::Tensor along_vectors(double strength) const { return moments / (values + strength).unsqueeze(1); }
};

/// With z = (x - mean) V, element i, j of the hat matrix is w_j (1 / W + z_i · z_j / (s + l)).
class GramFit : public RidgeFit {
 public:
  explicit GramFit(RidgeData data) : data_(std::move(data)), sums_(sums_of(data_)), fit_(sums_) {
    shift_ = mean_shift(data_);
  }

  LinearMap solve(double strength) const override { return original(fit_, strength, {}); }
};

}  // namespace
}  // namespace margay::train
