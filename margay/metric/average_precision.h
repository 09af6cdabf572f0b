#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "margay/metric/bootstrap.h"
#include "margay/metric/interval.h"

namespace margay::metric {

/// The average precision of one class, Σ_n (R_n − R_{n−1}) P_n over the thresholds between distinct scores, from the
/// highest (scikit-learn's average_precision_score: no interpolation between points). Images of equal scores count
/// together. scores: floating [N]; is_there: bool [N]. NaN without a positive image (scikit-learn gives 0 and a
/// warning).
double average_precision(const torch::Tensor& scores, const torch::Tensor& is_there);

/// Average precisions of all classes.
struct AveragePrecisions {
  std::vector<Estimate> classes;  ///< [K]; NaN for classes without a positive image
  Estimate mean;                  ///< over the classes that have one (mAP, scikit-learn's macro average)
  std::int64_t counted = 0;       ///< classes in the mean
};

/// scores: floating [N,K], such as logits: only their order matters; targets: [N,K], positive above ½. resamples: of
/// the same N images; null: no intervals. Each class is sorted once, and 64 replicates are computed in one walk along
/// it. Throws std::invalid_argument for shapes that do not fit and for scores that are not finite.
AveragePrecisions average_precisions(const torch::Tensor& scores, const torch::Tensor& targets,
                                     const Resamples* resamples = nullptr);

}  // namespace margay::metric
