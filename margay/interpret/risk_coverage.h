#pragma once

#include <vector>

#include <torch/types.h>

#include "margay/metric/bootstrap.h"
#include "margay/metric/interval.h"

namespace margay::interpret {

/// The error that is left when only the surest predictions are given: risk as a function of coverage, the share of
/// images that get one (El-Yaniv and Wiener, "On the foundations of noise-free selective classification", JMLR 2010).
struct RiskCoverage {
  std::vector<double> coverage;  ///< ascending, above 0, the last is 1; at most 200 points
  std::vector<double> risk;      ///< error among the surest of that share
  /// Area under the curve: the mean over n of the risk at coverage n/N (Geifman, Uziel, El-Yaniv, "Bias-reduced
  /// uncertainty estimation for deep neural classifiers", ICLR 2019), with its 95 % bootstrap interval.
  metric::Estimate aurc;
  double best_aurc = 0;  ///< if every error were less sure than every hit

  /// The largest coverage on the curve whose risk does not exceed `risk`; 0 if there is none.
  double coverage_at(double most_risk) const;
};

/// confidences: float64 [M]; errors: float64 [M], 0 … 1. Among equal confidences errors are spread evenly.
/// resamples: of N images, for the interval of aurc; M is N, or a multiple of it: then the cases of an image are next
/// to each other. Throws std::invalid_argument for shapes that do not fit and without cases.
RiskCoverage risk_coverage(const torch::Tensor& confidences, const torch::Tensor& errors,
                           const metric::Resamples* resamples = nullptr);

}  // namespace margay::interpret
