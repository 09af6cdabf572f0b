#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

/// How class weights w meet label smoothing and soft targets, q being the (smoothed) target distribution.
/// kPerExample: w_y Σ_k q_k (-log p_k): an example counts w_y times (Σ_k w_k times its unsmoothed q_k for a soft
/// target),
///   and what it asks for stays q, whatever the weights. The mean divides by the sum of those counts.
/// kPerClass, PyTorch's: Σ_k w_k q_k (-log p_k): the weights bend q itself; its minimum is at p ∝ w q, no longer at q
///   (pytorch#104776). The mean divides by Σ w_y for indices, by N for soft targets, as PyTorch does.
/// For indices without smoothing the two are one.
enum class ClassWeighting { kPerExample, kPerClass };

constexpr auto names(ClassWeighting /*tag*/) {
  return std::array{std::pair{ClassWeighting::kPerExample, "per_example"},
                    std::pair{ClassWeighting::kPerClass, "per_class"}};
}

/// Where the gradient is written when it is computed along with the loss.
/// kOverLogits: over the logits themselves, which are then gone; it saves memory of the logits' size. Autograd notices
/// when something else still needs the logits. cross_entropy refuses it where it cannot be done: other devices,
/// reduction none, float16, strided logits, targets that require gradients. Without a gradient to compute it means
/// nothing.
enum class GradientPlace { kNew, kOverLogits };

constexpr auto names(GradientPlace /*tag*/) {
  return std::array{std::pair{GradientPlace::kNew, "new"}, std::pair{GradientPlace::kOverLogits, "over_logits"}};
}

/// Logits that all lie in [0, 1] and sum to 1 in every row are probabilities, almost surely given by mistake: the
/// network then ends in a softmax, and trains badly without a word. kRefuseProbabilities looks at the first row only,
/// unless that is one; CPU only, and not for fewer than four rows.
enum class LogitsCheck { kRefuseProbabilities, kNone };

constexpr auto names(LogitsCheck /*tag*/) {
  return std::array{std::pair{LogitsCheck::kRefuseProbabilities, "refuse_probabilities"},
                    std::pair{LogitsCheck::kNone, "none"}};
}

struct CrossEntropyOptions {
  Reduction reduction = Reduction::kMean;
  std::vector<double> class_weights;
  ClassWeighting class_weighting = ClassWeighting::kPerExample;
  double label_smoothing = 0;
  std::int64_t ignore_index = -100;
  double temperature = 1;
  double z_loss = 0;
  EmptyMean empty_mean = EmptyMean::kZero;
  GradientPlace gradient_place = GradientPlace::kNew;
  LogitsCheck logits_check = LogitsCheck::kRefuseProbabilities;

  static const core::OptionTable& fields();
};

}  // namespace margay::loss
