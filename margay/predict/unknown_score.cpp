#include "margay/predict/unknown_score.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/utils.h>

namespace margay::predict {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_matrix(const torch::Tensor& rows, const char* what) {
  if (rows.defined() && rows.dim() == 2 && rows.size(1) > 0 && rows.is_floating_point()) return;
  throw std::invalid_argument(fmt::format("[unknown_score] {} must be floating [N,·], got {}", what,
                                          rows.defined() ? fmt::format("{}", rows.sizes().vec()) : "none"));
}

void check_columns(const torch::Tensor& rows, std::int64_t columns, const char* what) {
  check_matrix(rows, what);
  if (rows.size(1) == columns) return;
  throw std::invalid_argument(
      fmt::format("[unknown_score] {} must be [N,{}], got {}", what, columns, rows.sizes().vec()));
}

/// Cosines of images and known rows, float [N,M].
torch::Tensor cosines(const torch::Tensor& features, const torch::Tensor& rows) {
  check_columns(features, rows.size(1), "features");
  return unit_rows(features.to(torch::kCPU, torch::kFloat)).matmul(rows.t());
}

/// Of rows of length 1.
torch::Tensor distance_of(const torch::Tensor& cosine) { return (2 - 2 * cosine).clamp_min(0).sqrt(); }

/// bool [N]
torch::Tensor is_finite(const torch::Tensor& rows) { return rows.isfinite().all(1).cpu(); }

/// What a network whose outputs are not finite makes of an image says nothing about it.
torch::Tensor infinite_where_not(const torch::Tensor& finite, const torch::Tensor& scores) {
  const torch::Tensor keep = scores.dim() == 2 ? finite.unsqueeze(1) : finite;
  return scores.masked_fill(keep.logical_not().logical_or(scores.isnan()), kInfinity);
}

}  // namespace

torch::Tensor max_logit_scores(const torch::Tensor& logits) {
  check_matrix(logits, "logits");
  return -std::get<0>(logits.to(torch::kFloat).max(1));
}

torch::Tensor energy_scores(const torch::Tensor& logits, metric::Activation activation) {
  check_matrix(logits, "logits");
  const torch::Tensor z = logits.to(torch::kFloat);
  if (activation == metric::Activation::kSoftmax) return -z.logsumexp(1);
  return -torch::logaddexp(z, torch::zeros_like(z)).sum(1);
}

torch::Tensor unit_rows(const torch::Tensor& features) {
  check_matrix(features, "features");
  const torch::Tensor lengths = features.norm(2, {1}, /*keepdim=*/true);
  return features / lengths.masked_fill(lengths == 0, 1);
}

torch::Tensor MahalanobisDistances::places(const torch::Tensor& features) const {
  check_columns(features, directions.size(1), "features");
  return unit_rows(features.to(torch::kCPU, torch::kDouble)).matmul(directions.t()) * scales - centre;
}

torch::Tensor MahalanobisDistances::operator()(const torch::Tensor& features) const {
  const torch::Tensor y = places(features);
  const torch::Tensor classes = class_places.to(torch::kDouble);
  const torch::Tensor squares = y.pow(2).sum(1, /*keepdim=*/true) - 2 * y.matmul(classes.t()) + classes.pow(2).sum(1);
  const torch::Tensor to_all = (y.pow(2) / (1 + between)).sum(1, /*keepdim=*/true);
  const torch::Tensor has_no_images = classes.isnan().any(1);
  return (squares - to_all).masked_fill(has_no_images, kInfinity);
}

NearestRows KnownRows::nearest(const torch::Tensor& features, std::int64_t count) const {
  const auto [cosine, places] = cosines(features, rows).topk(count, 1);
  return {.distances = distance_of(cosine), .rows = places};
}

torch::Tensor KnownRows::distances(const torch::Tensor& features) const {
  return nearest(features, k).distances.select(1, k - 1);
}

torch::Tensor KnownRows::class_distances(const torch::Tensor& features) const {
  const torch::Tensor cosine = cosines(features, rows);
  torch::Tensor distances = torch::full({cosine.size(0), members.size(1)}, kInfinity, torch::kFloat);
  for (std::int64_t c = 0; c < members.size(1); ++c) {
    const torch::Tensor own = members.select(1, c).nonzero().squeeze(1);
    if (own.size(0) == 0) continue;
    const std::int64_t counted = std::min(k, own.size(0));
    const torch::Tensor best = std::get<0>(cosine.index_select(1, own).topk(counted, 1));
    distances.select(1, c).copy_(distance_of(best.select(1, counted - 1)));
  }
  return distances;
}

torch::Tensor UnknownScorer::scores(const torch::Tensor& logits, const torch::Tensor& features) const {
  check_matrix(logits, "logits");
  const auto score_of = [&]() -> torch::Tensor {
    switch (score) {
      case UnknownScore::kMaxLogit:
        return max_logit_scores(logits);
      case UnknownScore::kEnergy:
        return energy_scores(logits, activation);
      case UnknownScore::kMahalanobis:
        return std::get<0>(mahalanobis.value()(features).min(1));
      default:
        return known.value().distances(features);
    }
  };
  const torch::Tensor values = score_of().to(torch::kCPU, torch::kFloat);
  return infinite_where_not(is_finite(needs_features(score) ? features : logits), values);
}

torch::Tensor UnknownScorer::class_scores(const torch::Tensor& logits, const torch::Tensor& features) const {
  check_matrix(logits, "logits");
  const auto scores_of = [&]() -> torch::Tensor {
    switch (score) {
      case UnknownScore::kMaxLogit:
        return -logits;
      case UnknownScore::kEnergy:
        return energy_scores(logits, activation).unsqueeze(1).expand_as(logits);
      case UnknownScore::kMahalanobis:
        return mahalanobis.value()(features);
      default:
        return known.value().class_distances(features);
    }
  };
  const torch::Tensor values = scores_of().to(torch::kCPU, torch::kFloat);
  return infinite_where_not(is_finite(needs_features(score) ? features : logits), values);
}

}  // namespace margay::predict
