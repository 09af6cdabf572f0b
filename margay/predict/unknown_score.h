#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <torch/types.h>

#include "margay/metric/metric.h"

namespace margay::predict {

/// What tells an image of none of the classes from those of the classes.
enum class UnknownScore {
  kMaxLogit,     ///< - max_k z_k
  kEnergy,       ///< - log Σ_k exp z_k
  kMahalanobis,  ///< distance to the nearest class's mean, less the one to the mean of all
  kNearest,      ///< distance to the k-th nearest known image
};

constexpr auto names(UnknownScore /*tag*/) {
  return std::array{std::pair{UnknownScore::kMaxLogit, "max_logit"}, std::pair{UnknownScore::kEnergy, "energy"},
                    std::pair{UnknownScore::kMahalanobis, "mahalanobis"}, std::pair{UnknownScore::kNearest, "nearest"}};
}

constexpr bool needs_features(UnknownScore score) {
  return score == UnknownScore::kMahalanobis || score == UnknownScore::kNearest;
}

// All scores are the higher the less an image looks like the known ones. They come from raw logits, whatever the
// temperature.

/// - max_k z_k (Hendrycks et al., "Scaling out-of-distribution detection for real-world settings", ICML 2022,
/// arXiv:1911.11132). logits: floating [N,K]. Result: float [N].
torch::Tensor max_logit_scores(const torch::Tensor& logits);

/// With softmax - log Σ_k exp z_k (Liu et al., "Energy-based out-of-distribution detection", NeurIPS 2020,
/// arXiv:2010.03759); with sigmoids - Σ_k log(1 + exp z_k) (Wang et al., "Can multi-label classification networks know
/// what they don't know?", NeurIPS 2021, arXiv:2111.14818). logits: floating [N,K]. Result: float [N].
torch::Tensor energy_scores(const torch::Tensor& logits, metric::Activation activation);

/// Rows of length 1; a row of zeros stays one. features: floating [N,D]. Result: the same shape and type.
torch::Tensor unit_rows(const torch::Tensor& features);

/// The relative Mahalanobis distances of images to the classes, (x - μ_k)' Σ⁻¹ (x - μ_k) - (x - μ)' Σ₀⁻¹ (x - μ), with
/// the covariance Σ within classes and that of all images, Σ₀ (Ren et al., "A simple fix to Mahalanobis distance for
/// improving near-OOD detection", arXiv:2106.09022). Features are brought to length 1 first (Müller and Hein,
/// "Mahalanobis++", ICML 2025, arXiv:2505.18032).
///
/// Σ₀ = Σ + between, where between comes from the classes' means, so what both distances have in common cancels but for
/// the discriminants, the at most K - 1 directions in which means differ (Fisher 1936): with y the image's and c_k the
/// classes' coordinates there, scaled to covariance 1 within classes, and λ the variances between them,
///
///     distance_k = Σ_j (y_j - c_kj)² - y_j² / (1 + λ_j).
///
/// Of the covariance nothing else is needed, so nothing else is kept: R D half precision numbers in place of D².
struct MahalanobisDistances {
  torch::Tensor directions;  ///< double [R,D] of half precision, R <= K - 1; the largest number of each row is about 1
  torch::Tensor scales;      ///< double [R]: each direction is multiplied by it
  torch::Tensor centre;      ///< double [R]: what the mean of all images gives
  torch::Tensor class_places;  ///< float [K,R]; NaN for a class without images
  torch::Tensor between;       ///< double [R]: λ

  /// The images' coordinates y, double [N,R]. features: floating [N,D].
  torch::Tensor places(const torch::Tensor& features) const;
  /// features: floating [N,D]. Result: double [N,K]; infinite for a class without images.
  torch::Tensor operator()(const torch::Tensor& features) const;
};

/// The nearest of several rows.
struct NearestRows {
  torch::Tensor distances;  ///< float [N,k], ascending
  torch::Tensor rows;       ///< int64 [N,k], their positions
};

/// Distances to known images in features of length 1 (Sun et al., "Out-of-distribution detection with deep nearest
/// neighbors", ICML 2022, arXiv:2204.06507).
struct KnownRows {
  torch::Tensor rows;     ///< float [M,D] of half precision, of length 1
  torch::Tensor members;  ///< bool [M,K]: the classes of each
  std::int64_t k = 1;     ///< which neighbour counts, 1 … M

  /// The `count` nearest, 1 … M. features: floating [N,D].
  NearestRows nearest(const torch::Tensor& features, std::int64_t count) const;
  /// The distance to the k-th nearest row. Result: float [N].
  torch::Tensor distances(const torch::Tensor& features) const;
  /// The same among the rows of each class; of fewer than k rows the farthest counts. Result: float [N,K]; infinite for
  /// a class without rows.
  torch::Tensor class_distances(const torch::Tensor& features) const;
};

/// A score with what it needs.
struct UnknownScorer {
  UnknownScore score = UnknownScore::kMaxLogit;
  metric::Activation activation = metric::Activation::kSoftmax;
  std::optional<MahalanobisDistances> mahalanobis;  ///< for that score
  std::optional<KnownRows> known;                   ///< for that score

  /// logits: floating [N,K]; features: floating [N,D] as model::pool_features gives them, may be undefined for scores
  /// of logits alone. Result: float [N] on the CPU; an image with non-finite outputs gets infinity. Throws
  /// std::invalid_argument for shapes that do not fit.
  torch::Tensor scores(const torch::Tensor& logits, const torch::Tensor& features) const;

  /// How little an image looks like each single class: - z_k, the distance to its mean or to its k-th nearest row; the
  /// energy is the same for all classes. Result: float [N,K]. Arguments and errors as above.
  torch::Tensor class_scores(const torch::Tensor& logits, const torch::Tensor& features) const;
};

}  // namespace margay::predict
