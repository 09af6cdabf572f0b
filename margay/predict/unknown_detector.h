#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/model/weights/tensor_map.h"
#include "margay/predict/predictions.h"
#include "margay/predict/unknown_score.h"

namespace margay::predict {

/// What is known of the share of known images that are refused at level alpha.
enum class RefusalGuarantee {
  kSplit,     ///< at most alpha: the threshold's images served nothing else
  kPerClass,  ///< at most alpha of the images of each class (Mondrian)
  kLeftOut,   ///< at most 2 alpha: every image was judged without itself (jackknife+)
};

constexpr auto names(RefusalGuarantee /*tag*/) {
  return std::array{std::pair{RefusalGuarantee::kSplit, "split"}, std::pair{RefusalGuarantee::kPerClass, "per_class"},
                    std::pair{RefusalGuarantee::kLeftOut, "left_out"}};
}

/// The fewest images that can refuse one at level alpha: ⌈1/alpha⌉ - 1. alpha: above 0, below 1.
std::int64_t fewest_for(double alpha);

/// How many of n + 1 exchangeable images have a p-value of at most alpha, without ties: the largest k with
/// k / (n + 1) <= alpha.
std::int64_t refused_rank(std::int64_t n, double alpha);

/// The scores of calibration images, and the p-values they give.
class KnownScores {
 public:
  /// scores: float [n], no NaN; their order does not matter.
  explicit KnownScores(const torch::Tensor& scores = torch::empty({0}));

  /// How often a known image scores as high or higher, counting the image itself: (1 + #{s_i >= s}) / (n + 1) (Vovk,
  /// Gammerman, Shafer, "Algorithmic learning in a random world", 2005; Bates et al., "Testing for outliers with
  /// conformal p-values", Annals of Statistics 2023, arXiv:2104.08279). Where images are exchangeable,
  /// P(p <= alpha) <= alpha for every alpha, whatever the network and the score. Equal scores count in full, which is
  /// conservative: they can only make fewer refusals. scores: float [N], no NaN. Result: double [N].
  torch::Tensor p_values(const torch::Tensor& scores) const;

  std::int64_t size() const { return sorted_.size(0); }
  /// float [n], ascending.
  const torch::Tensor& sorted() const { return sorted_; }

 private:
  torch::Tensor sorted_;
};

/// Says of an image how often a known one looks as unlike the classes: a p-value. Images whose p-value is at most alpha
/// are refused: they are "none of these". interpret::fit_unknown makes it; a bundle keeps it.
///
/// With kPerClass an image has a p-value for each class, from the scores of that class's images alone, and the largest
/// counts, so at most alpha of each class's images are refused (Vovk, "Conditional validity of inductive conformal
/// predictors", 2012). With kLeftOut the scores are those of the known rows, each without itself, and an image's score
/// is compared with theirs under the rows without that one (Barber et al., "Predictive inference with the jackknife+",
/// Annals of Statistics 2021, arXiv:1905.02928).
class UnknownDetector {
 public:
  /// calibration: one, or with kPerClass one a class. Throws std::invalid_argument for alpha outside (0, 1) and another
  /// number of calibrations. Not for kLeftOut.
  UnknownDetector(UnknownScorer scorer, double alpha, RefusalGuarantee guarantee, std::vector<KnownScores> calibration);

  /// kLeftOut. row_scores: float [M], those of scorer.known's rows, each without itself. The score must be kNearest
  /// with k < M (std::invalid_argument).
  UnknownDetector(UnknownScorer scorer, double alpha, const torch::Tensor& row_scores);

  /// logits: floating [N,K]; features: floating [N,D], may be undefined where needs_features() is false; any device.
  /// Result: double [N] on the CPU, above 0, at most 1. An image with non-finite outputs gets the smallest. Throws
  /// std::invalid_argument for shapes that do not fit.
  torch::Tensor p_known(const torch::Tensor& logits, const torch::Tensor& features) const;

  bool needs_features() const { return predict::needs_features(scorer_.score); }
  double alpha() const { return alpha_; }
  RefusalGuarantee guarantee() const { return guarantee_; }
  const UnknownScorer& scorer() const { return scorer_; }
  const std::vector<KnownScores>& calibration() const { return calibration_; }
  /// The number of images whose scores are kept.
  std::int64_t calibration_images() const;
  /// Whether any image can be refused: with too few calibration images (fewest_for), of any class with kPerClass, none
  /// can.
  bool can_refuse() const;

  /// What a bundle keeps: numbers and names, and the tensors, with names such as "margay.unknown.directions".
  nlohmann::ordered_json header() const;
  model::TensorMap tensors() const;
  /// The size of the tensors.
  std::int64_t bytes() const;
  /// Takes its tensors out of `tensors`. Throws std::invalid_argument, or what JSON throws, for what does not fit;
  /// num_classes, features: K and D of the network.
  static UnknownDetector from_bundle(const nlohmann::ordered_json& header, model::TensorMap& tensors,
                                     std::int64_t num_classes, std::int64_t features);

 private:
  torch::Tensor left_out_p_values(const torch::Tensor& features) const;
  void check() const;

  UnknownScorer scorer_;
  double alpha_;
  RefusalGuarantee guarantee_;
  std::vector<KnownScores> calibration_;
  torch::Tensor row_scores_;  ///< float [M] for kLeftOut, else undefined
};

/// Counts refusals, in all and by class.
struct RefusalCounts {
  std::int64_t images = 0;
  std::int64_t refused = 0;
  torch::Tensor class_images;   ///< int64 [K]; undefined without labels
  torch::Tensor class_refused;  ///< int64 [K]

  /// Adds images that have p_known; others are left out. alpha: images whose p_known is at most this are refused.
  void add(const Predictions& predictions, double alpha);
};

}  // namespace margay::predict
