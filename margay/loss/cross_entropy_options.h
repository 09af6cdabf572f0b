#pragma once

#include <array>
#include <cstdint>
#include <tuple>
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

  static constexpr const char* kName = "cross_entropy";
  static constexpr auto fields() {
    using O = CrossEntropyOptions;
    return std::tuple{
        core::field("reduction", &O::reduction, "mean, sum or none"),
        core::field("class_weights", &O::class_weights, "one weight per class, not negative; empty: all 1"),
        core::field("class_weighting", &O::class_weighting, "per_example, or per_class as PyTorch's"),
        core::field("label_smoothing", &O::label_smoothing, "share of the target spread over all classes", {0, 1}),
        core::field("ignore_index", &O::ignore_index, "a target that says: leave this one out"),
        core::field("temperature", &O::temperature, "logits are divided by it", {1e-6, 1e6}),
        core::field("z_loss", &O::z_loss, "factor of (log Σ exp z)², which keeps logits from drifting", {0, 1e6}),
        core::field("empty_mean", &O::empty_mean, "the mean when nothing counts: zero, or nan as PyTorch's"),
        core::field("gradient_place", &O::gradient_place, "new, or over_logits to save their memory"),
        core::field("logits_check", &O::logits_check, "refuse_probabilities given as logits, or none")};
  }
};

}  // namespace margay::loss
