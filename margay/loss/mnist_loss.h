#pragma once

#include <torch/types.h>

namespace margay::loss {

/// How far each prediction is from its target: the mean of 1 - σ(z) where the target is 1 and of σ(z) elsewhere. The
/// first loss of the fast.ai book (chapter 4), kept for following it.
///
/// Train with binary_cross_entropy_with_logits instead. This loss's gradient is ±σ(z) (1 - σ(z)): it vanishes where the
/// network is surely wrong as it does where it is surely right, and .99 hardly differs from .999. The logarithm of
/// cross-entropy undoes that: its gradient is σ(z) - t, the error itself, and being ten times surer counts.
///
/// logits: floating, any shape. targets: the logits' shape, in [0, 1], of any dtype; 1 is one class, all else the
/// other. Result: a scalar in [0, 1], float32 (float64 for float64 logits), 0 for no elements. Throws
/// std::invalid_argument for shapes and targets that do not fit.
torch::Tensor mnist_loss(const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace margay::loss
