#include "margay/interpret/fit_mahalanobis.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <tuple>

#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/one_hot.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::interpret {
namespace {

/// Images in float64, each as often as it has classes.
struct ClassSamples {
  torch::Tensor rows;     ///< [P,D], of length 1
  torch::Tensor classes;  ///< int64 [P], among those that have images
  torch::Tensor counts;   ///< [C]
  torch::Tensor means;    ///< [C,D]
};

/// present: int64 [C], the classes that have images.
ClassSamples samples_of(const torch::Tensor& features, const torch::Tensor& members, const torch::Tensor& present) {
  const torch::Tensor pairs = members.index_select(1, present).nonzero();  // [P,2]
  ClassSamples samples;
  samples.rows = predict::unit_rows(features.to(torch::kDouble)).index_select(0, pairs.select(1, 0));
  samples.classes = pairs.select(1, 1).contiguous();
  samples.counts = samples.classes.bincount({}, present.size(0)).to(torch::kDouble);
  samples.means = torch::zeros({present.size(0), features.size(1)}, torch::kDouble);
  samples.means.index_add_(0, samples.classes, samples.rows);
  samples.means /= samples.counts.unsqueeze(1);
  return samples;
}

/// Ledoit and Wolf's covariance of rows [P,D] around zero.
torch::Tensor shrunk_covariance(const torch::Tensor& rows) {
  const auto n = static_cast<double>(rows.size(0));
  const auto d = static_cast<double>(rows.size(1));
  const torch::Tensor sample = rows.t().matmul(rows) / n;
  const torch::Tensor identity = torch::eye(rows.size(1), torch::kDouble);
  const double scale = sample.trace().item<double>() / d;
  const double distance = (sample - scale * identity).pow(2).sum().item<double>() / d;
  const double fourth = rows.pow(2).sum(1).pow(2).sum().item<double>();
  const double noise = (fourth / n - sample.pow(2).sum().item<double>()) / (n * d);
  const double share = distance > 0 ? std::clamp(noise / distance, 0.0, 1.0) : 1;
  return share * scale * identity + (1 - share) * sample;
}

/// The covariance within classes, positive definite.
torch::Tensor covariance_within(const ClassSamples& samples, const torch::Tensor& mean) {
  constexpr double kFloor = 1e-6;
  const torch::Tensor centred = samples.rows - samples.means.index_select(0, samples.classes);
  const double total = (samples.rows - mean).pow(2).mean().item<double>();
  const double floor = std::max(kFloor * total, 1e-30);
  return shrunk_covariance(centred) + floor * torch::eye(mean.size(0), torch::kDouble);
}

/// Orthonormal directions [D,R] in which whitened means differ, and the variances between classes along them, the
/// largest first.
std::pair<torch::Tensor, torch::Tensor> principal_directions(const torch::Tensor& weighted, std::int64_t most) {
  const bool is_wide = weighted.size(0) > weighted.size(1);  // [D,C]
  const torch::Tensor gram = is_wide ? weighted.t().matmul(weighted) : weighted.matmul(weighted.t());
  const auto [ascending, vectors] = at::linalg_eigh(gram);
  constexpr double kNothing = 1e-9;  // of the largest: rounding
  const double largest = ascending.max().item<double>();
  const auto kept = (ascending > std::max(kNothing * largest, 1e-12)).sum().item<std::int64_t>();
  const std::int64_t count = std::min(kept, most);
  const torch::Tensor variances = ascending.flip(0).slice(0, 0, count).contiguous();
  const torch::Tensor leading = vectors.flip(1).slice(1, 0, count);
  return {is_wide ? weighted.matmul(leading) / variances.sqrt() : leading.contiguous(), variances};
}

void check_fit(const torch::Tensor& features, const torch::Tensor& members, std::int64_t most) {
  const bool fits = features.defined() && features.dim() == 2 && features.is_floating_point() && members.dim() == 2 &&
                    members.size(0) == features.size(0) && features.size(1) > 0 && most >= 1;
  if (!fits)
    throw std::invalid_argument(
        fmt::format("[fit_mahalanobis] features must be floating [N,D] and members [N,K], got {} and {}",
                    features.defined() ? features.sizes().vec() : std::vector<std::int64_t>{}, members.sizes().vec()));
  if (!features.isfinite().all().item<bool>())
    throw std::invalid_argument("[fit_mahalanobis] there are non-finite features");
  if (!members.any().item<bool>()) throw std::invalid_argument("[fit_mahalanobis] no image has a class");
}

}  // namespace

torch::Tensor class_members(const torch::Tensor& targets, std::int64_t num_classes) {
  if (targets.defined() && targets.dim() == 2 && targets.size(1) == num_classes) return targets > 0.5;
  const bool fits = targets.defined() && targets.dim() == 1 && targets.scalar_type() == torch::kLong &&
                    (targets.numel() == 0 ||
                     (targets.min().item<std::int64_t>() >= 0 && targets.max().item<std::int64_t>() < num_classes));
  if (!fits)
    throw std::invalid_argument(
        fmt::format("[class_members] targets must be classes 0 … {} [N], or 0 and 1 for each class [N,{}]",
                    num_classes - 1, num_classes));
  return targets.unsqueeze(1) == torch::arange(num_classes);
}

predict::MahalanobisDistances fit_mahalanobis(const torch::Tensor& features, const torch::Tensor& members,
                                              std::int64_t most_directions) {
  check_fit(features, members, most_directions);
  const torch::Tensor present = members.any(0).nonzero().squeeze(1);
  const ClassSamples samples = samples_of(features, members, present);
  const torch::Tensor shares = samples.counts / samples.counts.sum();
  const torch::Tensor mean = shares.unsqueeze(0).matmul(samples.means).squeeze(0);
  const torch::Tensor root = at::linalg_cholesky(covariance_within(samples, mean));
  const torch::Tensor offsets = (samples.means - mean).t().contiguous();  // [D,C]
  const torch::Tensor whitened = at::linalg_solve_triangular(root, offsets, /*upper=*/false);
  const auto [axes, variances] = principal_directions(whitened * shares.sqrt(), most_directions);
  const torch::Tensor directions = at::linalg_solve_triangular(root.t(), axes, /*upper=*/true).t();  // [R,D]

  predict::MahalanobisDistances distances;
  const torch::Tensor largest = std::get<0>(directions.abs().max(1));
  distances.scales = largest.contiguous();
  distances.directions = (directions / largest.unsqueeze(1)).to(torch::kHalf).to(torch::kDouble).contiguous();
  const auto places = [&](const torch::Tensor& rows) {  // as the rounded directions give them
    return rows.matmul(distances.directions.t()) * distances.scales;
  };
  distances.centre = places(mean.unsqueeze(0)).squeeze(0).contiguous();
  distances.between = variances;
  distances.class_places =
      torch::full({members.size(1), variances.size(0)}, std::numeric_limits<double>::quiet_NaN(), torch::kFloat);
  distances.class_places.index_copy_(0, present, (places(samples.means) - distances.centre).to(torch::kFloat));
  return distances;
}

}  // namespace margay::interpret
