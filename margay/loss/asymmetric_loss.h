#pragma once

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

struct AsymmetricLossOptions {
  double gamma_pos = 1;
  double gamma_neg = 4;
  double clip = 0.05;
  Reduction reduction = Reduction::kMean;

  static const core::OptionTable& fields();
};

/// For images that bear few of many labels: the many zeros are focused harder than the few ones, and those that are
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
