#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "margay/metric/metric.h"

namespace margay::interpret {

/// What a row of logits is asked about.
struct LossAnatomyOptions {
  metric::Activation activation = metric::Activation::kSoftmax;
  double temperature = 1;      ///< what logits are divided by first, above 0
  double label_smoothing = 0;  ///< ε, 0 … 1
};

/// A loss taken apart, class by class, in float64. The studio's X-ray computes the same numbers in the browser while
/// somebody moves a logit (apps/web/src/studio/xray/loss_math.ts); both are held to tests/golden/loss_anatomy.json.
struct LossAnatomy {
  std::vector<double> probability;       ///< [K], softmax(z / T) or σ(z / T)
  std::vector<double> negative_log;      ///< [K], -log p, 0 … ∞
  std::vector<double> negative_log_not;  ///< [K], -log(1 - p) of sigmoids; [] of a softmax
  std::optional<double> loss;            ///< absent where the target is not known; 0 … ∞
  std::vector<double> gradient;          ///< [K], dL/dz: (p - q) / T, of sigmoids (p - t) / (K T); [] without a target
};

/// Takes the loss of one row apart with the functions of margay::loss: cross-entropy of a softmax, or the mean over the
/// classes of the binary cross-entropies of sigmoids (formulas and sources: loss/cross_entropy.h,
/// loss/binary_cross_entropy.h). logits: [K], finite or -∞, of a softmax not all -∞. targets: the classes that are
/// right, in [0, K), of a softmax exactly one; absent: not known. Throws std::invalid_argument for anything else.
LossAnatomy loss_anatomy(std::span<const double> logits, const std::optional<std::vector<std::int64_t>>& targets,
                         const LossAnatomyOptions& options = {});

}  // namespace margay::interpret
