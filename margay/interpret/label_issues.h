#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/interpret/confident_joint.h"

namespace margay::interpret {

/// Which images count as wrongly labelled (Northcutt et al. 2021, section 3.2, and the authors' program cleanlab 2).
/// All but kPredictedNeqGiven leave out images whose label is the prediction.
enum class LabelFilter {
  kPruneByNoiseRate,     ///< for each label i and class j as many as the joint says, of largest p(j) − p(i)
  kPruneByClass,         ///< for each label as many as the joint says, of lowest self-confidence
  kBoth,                 ///< flagged by the two before
  kConfidentLearning,    ///< confidently of another class than the label
  kPredictedNeqGiven,    ///< the prediction is not the label
  kLowNormalizedMargin,  ///< as many as kConfidentLearning finds, of lowest normalised margin
  kLowSelfConfidence,    ///< the same, of lowest self-confidence
};

constexpr auto names(LabelFilter /*tag*/) {
  return std::array{std::pair{LabelFilter::kPruneByNoiseRate, "prune_by_noise_rate"},
                    std::pair{LabelFilter::kPruneByClass, "prune_by_class"},
                    std::pair{LabelFilter::kBoth, "both"},
                    std::pair{LabelFilter::kConfidentLearning, "confident_learning"},
                    std::pair{LabelFilter::kPredictedNeqGiven, "predicted_neq_given"},
                    std::pair{LabelFilter::kLowNormalizedMargin, "low_normalized_margin"},
                    std::pair{LabelFilter::kLowSelfConfidence, "low_self_confidence"}};
}

/// How well a label fits its image's probabilities p, 0 … 1, lower is worse (Kuan and Mueller, "Model-agnostic label
/// quality scoring to detect real-world label errors", 2022).
enum class LabelQuality {
  kSelfConfidence,             ///< p(label)
  kNormalizedMargin,           ///< (p(label) − the largest other p + 1) / 2
  kConfidenceWeightedEntropy,  ///< log(c + 1) / c of c = (entropy of p / log K) / p(label)
};

constexpr auto names(LabelQuality /*tag*/) {
  return std::array{std::pair{LabelQuality::kSelfConfidence, "self_confidence"},
                    std::pair{LabelQuality::kNormalizedMargin, "normalized_margin"},
                    std::pair{LabelQuality::kConfidenceWeightedEntropy, "confidence_weighted_entropy"}};
}

struct LabelIssueOptions {
  LabelFilter filter = LabelFilter::kPruneByNoiseRate;
  LabelQuality rank_by = LabelQuality::kSelfConfidence;
  /// Of the wrong labels that the joint says there are, the share to flag by kPruneBy… and kBoth, 0 … 1.
  double fraction = 1;
  /// Images of each class that are kept, whatever the joint says, 0 or more; classes with no more are left alone.
  std::int64_t least_of_class = 1;
};

/// What is wrong with the labels of a data set.
struct LabelIssues {
  std::vector<std::int64_t> ranked;  ///< rows flagged, the worst quality first; of equal quality the first row
  torch::Tensor quality;             ///< float64 [N], of every image
  ConfidentJoint joint;              ///< for several labels per image: undefined tensors
};

/// The quality of every label: float64 [N]. Throws as confident_joint.
torch::Tensor label_quality(const torch::Tensor& labels, const torch::Tensor& probabilities,
                            LabelQuality score = LabelQuality::kSelfConfidence);

/// The images whose labels are probably wrong: the same as cleanlab 2's find_label_issues on the same probabilities,
/// but for equal values: there the first rows count here, while cleanlab's order depends on numpy's sort for the
/// processor, and so does which entries of its joint are rounded up. Throws as confident_joint, and
/// std::invalid_argument for options out of range.
LabelIssues find_label_issues(const torch::Tensor& labels, const torch::Tensor& probabilities,
                              const LabelIssueOptions& options = {});

/// The same for any number of labels per image: each class is a problem of its own with the labels yes and no, and an
/// image is flagged if one of its classes is. Its quality is the exponential moving average, weight 0.8, of the
/// qualities of its classes from the best to the worst (Thyagarajan et al., "Identifying incorrect annotations in
/// multi-label classification data", 2022, arXiv:2211.13895).
/// labels: [N,K] of 0 and 1; probabilities: floating [N,K] in 0 … 1. Throws as find_label_issues.
LabelIssues find_multi_label_issues(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                    const LabelIssueOptions& options = {});

}  // namespace margay::interpret
