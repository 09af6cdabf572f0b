#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

struct FocalLossOptions {
  double gamma = 2;
  std::vector<double> class_weights;
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::kMean;
  EmptyMean empty_mean = EmptyMean::kZero;

  static const core::OptionTable& fields();
};

/// Cross-entropy in which easy examples count less, with p = softmax(z) and class index y:
///
///     loss = w_y (1 - p_y)^γ (-log p_y)
///
/// Source: Lin et al., "Focal Loss for Dense Object Detection", arXiv:1708.02002, equation 5. Value and derivatives are
/// exact even where p_y rounds to 1. The mean divides by Σ w_y, as cross_entropy's does, so by N without weights. p_y
/// does not depend on the weights; fastai's FocalLoss with weights uses p_y^w_y instead and divides by N.
///
/// logits: floating [N,K] or [N,K,d1,…]; float16 and bfloat16 are computed in float32. targets: class indices (int64,
/// int32, int16, uint8) [N] or [N,d1,…] in [0, K) or ignore_index: such a row gives loss 0 and gradient 0 whatever its
/// logits, and does not count. Result: float32 (float64 for float64 logits); a scalar, or the targets' shape for none.
/// Throws std::invalid_argument for shapes, dtypes, indices and options that do not fit.
torch::Tensor focal_loss(const torch::Tensor& logits, const torch::Tensor& targets,
                         const FocalLossOptions& options = {});

struct BinaryFocalLossOptions {
  double gamma = 2;
  std::optional<double> alpha;
  Reduction reduction = Reduction::kMean;

  static const core::OptionTable& fields();
};

/// The focal loss of a yes-no question per element, with p = σ(z):
///
///     loss = -α t (1 - p)^γ log p - (1 - α) (1 - t) p^γ log(1 - p)
///
/// Source: Lin et al., arXiv:1708.02002, equation 5; γ = 2 goes with α = .25 there. A soft
/// target t gives the expected loss of a label that is 1 with probability t. The mean divides by the number of
/// elements.
///
/// logits: floating, any shape. targets: the logits' shape, 0 or 1 of any whole-number type or bool, or floating in
/// [0, 1]. z = -∞ with t = 0 and z = ∞ with t = 1 give 0 with gradient 0. Result: float32 (float64 for float64 logits);
/// a scalar, or the logits' shape for none; the mean of no elements is 0. Throws std::invalid_argument for shapes,
/// dtypes, targets and options that do not fit.
torch::Tensor binary_focal_loss(const torch::Tensor& logits, const torch::Tensor& targets,
                                const BinaryFocalLossOptions& options = {});

struct AsymmetricLossOptions {
  double gamma_pos = 1;
  double gamma_neg = 4;
  double clip = 0.05;
  Reduction reduction = Reduction::kMean;

  static const core::OptionTable& fields();
};

/// For images that have few of many labels. The many zeros are focused harder than the few ones, and zeros that are
/// nearly right are dropped. With p = σ(z) and p_m = max(p - clip, 0):
///
///     loss = -t (1 - p)^γ₊ log p - (1 - t) p_m^γ₋ log(1 - p_m)
///
/// Source: Ridnik et al., "Asymmetric Loss For Multi-Label Classification", arXiv:2009.14119. The
/// gradient is the formula's own (its authors' program can hold the focusing factors constant), and the default is the
/// mean over all elements (their program sums). Equal γ and clip 0 are binary_focal_loss.
///
/// logits: floating, any shape. targets: the logits' shape, 0 or 1 of any whole-number type or bool, or floating in
/// [0, 1]: the expected loss. z = -∞ with t = 0 and z = ∞ with t = 1 give 0 with gradient 0. Result: float32 (float64
/// for float64 logits); a scalar, or the logits' shape for none; the mean of no elements is 0. Throws
/// std::invalid_argument for shapes, dtypes, targets and options that do not fit.
torch::Tensor asymmetric_loss(const torch::Tensor& logits, const torch::Tensor& targets,
                              const AsymmetricLossOptions& options = {});

}  // namespace margay::loss
