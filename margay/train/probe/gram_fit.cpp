#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/train/probe/hat_blocks.h"
#include "margay/train/probe/ridge_fit.h"

namespace margay::train {
namespace {

/// Weighted sums of some images, in one piece of memory.
struct RidgeSums {
  torch::Tensor all;      // [1+d+K+dd+dK]
  torch::Tensor weight;   // [1], W
  torch::Tensor rows;     // [d]
  torch::Tensor targets;  // [K]
  torch::Tensor squares;  // [d,d]
  torch::Tensor moments;  // [d,K]

  RidgeSums(std::int64_t d, std::int64_t k) : all(torch::zeros({1 + d + k + d * d + d * k}, torch::kDouble)) {
    const std::vector<torch::Tensor> parts = all.split_with_sizes({1, d, k, d * d, d * k});
    weight = parts[0];
    rows = parts[1];
    targets = parts[2];
    squares = parts[3].view({d, d});
    moments = parts[4].view({d, k});
  }

  /// rows: [n,d]; targets: [n,K]; weights: [n]
  void add(const torch::Tensor& some_rows, const torch::Tensor& some_targets, const torch::Tensor& weights) {
    const torch::Tensor weighted = some_rows * weights.unsqueeze(1);
    weight += weights.sum();
    rows += weighted.sum(0);
    targets += weights.unsqueeze(0).matmul(some_targets).squeeze(0);
    squares.addmm_(some_rows.t(), weighted);
    moments.addmm_(weighted.t(), some_targets);
  }
};

/// A ridge regression by the eigenvectors V and eigenvalues s of its Gram matrix: the weights for strength l are
/// V C / (s + l) with C = Vᵀ Σ w (x - mean)(y - mean)ᵀ.
struct DecomposedGram {
  double weight;              // W
  torch::Tensor mean;         // [d]
  torch::Tensor target_mean;  // [K]
  torch::Tensor values;       // [d], s
  torch::Tensor vectors;      // [d,d], V
  torch::Tensor moments;      // [d,K], C

  explicit DecomposedGram(const RidgeSums& sums)
      : weight(sums.weight.item<double>()), mean(sums.rows / weight), target_mean(sums.targets / weight) {
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
  explicit GramFit(RidgeData data) : data_(std::move(data)), shift_(shift_of(data_)), fit_(sums_of(data_, shift_)) {
    mean_ = shift_ + fit_.mean;
  }

  LinearMap solve(double strength) const override {
    const torch::Tensor weight = fit_.vectors.matmul(fit_.along_vectors(strength)).t().contiguous();
    return {.weight = weight, .bias = fit_.target_mean - weight.mv(mean_)};
  }

  void for_each_left_out(const RidgeGroups& groups, std::span<const double> strengths,
                         const Visit& visit) const override {
    const torch::Tensor index = index_of(groups.positions);
    const torch::Tensor z = (data_.read(groups.positions) - mean_).matmul(fit_.vectors);
    const torch::Tensor targets = data_.targets.read(index);
    const torch::Tensor weights = data_.weights.index_select(0, index).reshape({-1, groups.size});
    const torch::Tensor scales = torch::tensor(torch::ArrayRef(strengths.data(), strengths.size()), torch::kDouble);
    const GroupProducts products(z, groups.size, 1 / (fit_.values.unsqueeze(1) + scales));
    const torch::Tensor farthest = squared_distances(z.reshape({-1, groups.size, z.size(1)}), weights);
    for (std::size_t i = 0; i < strengths.size(); ++i) {
      const torch::Tensor fitted = torch::addmm(fit_.target_mean, z, fit_.along_vectors(strengths[i]));
      visit(i, without_groups(products.at(i) + 1 / fit_.weight, fitted, targets, weights,
                              least(weights, farthest, strengths[i])));
    }
  }

  /// The sums of all images without those of the group, by their positions along the eigenvectors.
  std::vector<LinearMap> solve_without(std::span<const std::int64_t> positions,
                                       std::span<const double> strengths) const override {
    RidgeSums rest(fit_.values.size(0), data_.targets.columns());
    data_.for_each_chunk(positions, [&](const torch::Tensor& rows, const torch::Tensor& index) {
      rest.add((rows - mean_).matmul(fit_.vectors), data_.targets.read(index) - fit_.target_mean,
               -data_.weights.index_select(0, index));
    });
    rest.weight += fit_.weight;
    rest.squares += fit_.values.diag();
    rest.moments += fit_.moments;
    const DecomposedGram without(rest);
    const torch::Tensor vectors = fit_.vectors.matmul(without.vectors);
    std::vector<LinearMap> maps;
    for (const double strength : strengths) {
      const torch::Tensor weight = vectors.matmul(without.along_vectors(strength)).t().contiguous();
      const torch::Tensor mean = mean_ + fit_.vectors.mv(without.mean);
      maps.push_back({.weight = weight, .bias = fit_.target_mean + without.target_mean - weight.mv(mean)});
    }
    return maps;
  }

 private:
  /// Near the mean: sums of squares of features that are far from zero would lose the digits in which they differ.
  static torch::Tensor shift_of(const RidgeData& data) {
    const torch::Tensor used = data.used();
    const auto first = std::min(used.size(0), data.chunk);
    return data.read(positions_of(used).first(static_cast<std::size_t>(first))).mean(0);
  }

  /// Each process sums some of the parts; all add the sums of all parts in their order.
  static RidgeSums sums_of(const RidgeData& data, const torch::Tensor& shift) {
    const torch::Tensor used = data.used();
    const std::vector<std::span<const std::int64_t>> parts = parts_of(positions_of(used));
    const auto owner = [&](std::size_t part) { return static_cast<int>(part) % data.group->size(); };
    std::map<std::size_t, RidgeSums> own;  // before any process waits for another's
    for (std::size_t i = 0; data.group->size() > 1 && i < parts.size(); ++i) {
      if (owner(i) == data.group->rank()) own.emplace(i, sums_of_part(data, shift, parts[i]));
    }
    RidgeSums sums(data.rows.features, data.targets.columns());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto mine = own.find(i);
      RidgeSums part = mine != own.end()        ? std::move(mine->second)
                       : data.group->size() > 1 ? RidgeSums(data.rows.features, data.targets.columns())
                                                : sums_of_part(data, shift, parts[i]);
      data.group->broadcast(
          std::as_writable_bytes(std::span(part.all.data_ptr<double>(), static_cast<std::size_t>(part.all.numel()))),
          owner(i));
      sums.all += part.all;
    }
    return sums;
  }

  static RidgeSums sums_of_part(const RidgeData& data, const torch::Tensor& shift,
                                std::span<const std::int64_t> positions) {
    RidgeSums sums(data.rows.features, data.targets.columns());
    data.for_each_chunk(positions, [&](const torch::Tensor& rows, const torch::Tensor& index) {
      sums.add(rows - shift, data.targets.read(index), data.weights.index_select(0, index));
    });
    return sums;
  }

  /// As many whatever the number of processes, since the order of a sum decides its last bits.
  static std::vector<std::span<const std::int64_t>> parts_of(std::span<const std::int64_t> positions) {
    constexpr std::size_t kParts = 16;
    constexpr std::size_t kFewest = 256;  // images; the sums of fewer take longer to send than to compute
    const std::size_t size = std::max(kFewest, (positions.size() + kParts - 1) / kParts);
    std::vector<std::span<const std::int64_t>> parts;
    for (std::size_t at = 0; at < positions.size(); at += size) {
      parts.push_back(positions.subspan(at, std::min(size, positions.size() - at)));
    }
    return parts;
  }

  /// [n/m,m]: |x_i - mean of the images outside the group|². z: [n/m,m,d]; weights: [n/m,m].
  torch::Tensor squared_distances(const torch::Tensor& z, const torch::Tensor& weights) const {
    const torch::Tensor outside = fit_.weight - weights.sum(1, /*keepdim=*/true);  // [n/m,1]
    const torch::Tensor moved = (z * weights.unsqueeze(2)).sum(1) / outside;       // [n/m,d]
    return (z + moved.unsqueeze(1)).square().sum(2);
  }

  /// [n/m]: what the eigenvalues of I - H_GG are at least. They are those of (I + F)⁻¹, F being the covariance of the
  /// fit without the group at its images, whose trace is at most Σ w (1 / (W - w_G) + |x - mean without G|² / l).
  torch::Tensor least(const torch::Tensor& weights, const torch::Tensor& distances, double strength) const {
    const torch::Tensor outside = fit_.weight - weights.sum(1, /*keepdim=*/true);
    return 1 / (1 + (weights * (1 / outside + distances / strength)).sum(1));
  }

  /// hat: [n/m,m,m], P with H = P diag(w); fitted, targets: [n,K]. With S = (I - √w P √w)⁻¹ √w (y - fitted), the
  /// outputs without the group are fitted - P √w S.
  static torch::Tensor without_groups(const torch::Tensor& hat, torch::Tensor fitted, const torch::Tensor& targets,
                                      const torch::Tensor& weights, const torch::Tensor& least) {
    const torch::Tensor residuals = targets - fitted;
    if (hat.size(1) == 1) {
      const torch::Tensor leverage = hat.reshape({-1, 1}) * weights;
      return fitted.addcmul_(residuals, leverage / torch::maximum(1 - leverage, least.unsqueeze(1)), -1);
    }
    const torch::Tensor roots = weights.sqrt();  // [n/m,m]
    const torch::Tensor blocks =
        torch::eye(hat.size(1), torch::kDouble) - hat * roots.unsqueeze(1) * roots.unsqueeze(2);
    const torch::Tensor right = residuals.reshape({hat.size(0), hat.size(1), -1}) * roots.unsqueeze(2);
    const torch::Tensor steps = solve_blocks(blocks, least, right) * roots.unsqueeze(2);
    return fitted.sub_(hat.matmul(steps).reshape(fitted.sizes()));
  }

  RidgeData data_;
  torch::Tensor shift_;  // [D]
  DecomposedGram fit_;   // of the rows less the shift
  torch::Tensor mean_;   // [D]
};

}  // namespace

std::unique_ptr<RidgeFit> gram_fit(RidgeData data) { return std::make_unique<GramFit>(std::move(data)); }

}  // namespace margay::train
