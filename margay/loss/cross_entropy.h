#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

/// How class weights w combine with label smoothing and soft targets. q is the (smoothed) target distribution.
/// kPerExample: w_y Σ_k q_k (-log p_k): an example counts w_y times (Σ_k w_k times its unsmoothed q_k for a soft
/// target),
///   and what it asks for stays q, whatever the weights. The mean divides by the sum of those counts.
/// kPerClass, PyTorch's: Σ_k w_k q_k (-log p_k): the weights bend q itself; its minimum is at p ∝ w q, no longer at q
///   (pytorch#104776). The mean divides by Σ w_y for indices, by N for soft targets, as PyTorch does.
/// For class indices without smoothing both are the same.
enum class ClassWeighting { kPerExample, kPerClass };

constexpr auto names(ClassWeighting /*tag*/) {
  return std::array{std::pair{ClassWeighting::kPerExample, "per_example"},
                    std::pair{ClassWeighting::kPerClass, "per_class"}};
}

/// Where the gradient is written when it is computed along with the loss.
/// kOverLogits: the logits are overwritten, which saves memory of their size. Autograd notices when something else
/// still needs the logits. cross_entropy refuses it where that is impossible: on other devices, for reduction none,
/// float16, strided logits, and targets that require gradients. It has no effect when no gradient is computed.
enum class GradientPlace { kNew, kOverLogits };

constexpr auto names(GradientPlace /*tag*/) {
  return std::array{std::pair{GradientPlace::kNew, "new"}, std::pair{GradientPlace::kOverLogits, "over_logits"}};
}

/// Logits that all lie in [0, 1] and sum to 1 in every row are probabilities, almost surely given by mistake: the
/// network then ends in a softmax, and it trains badly without any message. kRefuseProbabilities checks the first row,
/// and the others only if the first is a distribution. It works on the CPU only, and for four rows or more.
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

/// Cross-entropy of a softmax, with p = softmax(z / temperature) and the target distribution q:
///
///     loss = -Σ_k q_k log p_k + z_loss (log Σ_k exp(z_k / temperature))²
///
/// For a class index y, q is onehot(y): the loss is -log p_y = log Σ_j exp(z_j) - z_y, that is
/// nll_loss(log_softmax(z), y), and its gradient softmax(z) - onehot(y), times 1/N for the mean. Label smoothing ε
/// makes it q = (1 - ε) onehot(y) + ε / K. Sources: Goodfellow, Bengio, Courville, "Deep Learning" (2016), §6.2.2.3 and
/// the fast.ai book, chapter 5; smoothing: Szegedy et al., arXiv:1512.00567, §7; temperature: Hinton et al.,
/// arXiv:1503.02531; z-loss: Chowdhery et al. (PaLM), arXiv:2204.02311, §5, after Zoph et al., arXiv:2202.08906.
///
/// logits: floating [N,K] or [N,K,d1,…]; -inf is a class that cannot be, probability 0. float16 and bfloat16 are
/// computed in float32. targets: class indices (int64, int32, int16, uint8) [N] or [N,d1,…] in [0, K) or ignore_index;
/// or soft targets, floating and of the logits' shape, each row a distribution (≥ 0, sum 1 within 1 %). An ignored row
/// gives loss 0 and gradient 0 whatever its logits, and does not count in the mean (pytorch#11551, pytorch#63004).
/// Class weights: see ClassWeighting. Result: float32 (float64 for float64 logits); a scalar for mean and sum, the
/// targets' shape without K for none. On the CPU the gradient is computed along with the loss, in one pass over the
/// logits; derivatives of higher order work as well. Throws std::invalid_argument for shapes, dtypes, indices or
/// distributions that do not fit, and for options out of their range.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options = {});

/// A loss and its derivative by the logits.
struct LossAndGradient {
  torch::Tensor loss;      ///< as cross_entropy returns it
  torch::Tensor gradient;  ///< the logits' shape and dtype
};

/// The loss and its gradient at once, without autograd, for custom training loops. Reduction none gives the gradient of
/// the sum, which is row by row that of each loss. Otherwise as cross_entropy.
LossAndGradient cross_entropy_with_gradient(const torch::Tensor& logits, const torch::Tensor& targets,
                                            const CrossEntropyOptions& options = {});

}  // namespace margay::loss
