#pragma once

#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/loss/reduction.h"

namespace margay::loss {

struct BinaryCrossEntropyOptions {
  Reduction reduction = Reduction::kMean;
  std::vector<double> pos_weights;
  double label_smoothing = 0;

  static const core::OptionTable& fields();
};

/// Cross-entropy of a yes-no question per column, for images with any number of labels:
///
///     loss = -w t log σ(z) - (1 - t) log(1 - σ(z)), which for w = 1 is max(z, 0) - z t + log(1 + exp(-|z|))
///
/// with gradient σ(z) - t, times 1/count for the mean over all elements. w is the column's pos_weight: for a column
/// with one positive in four, 3 balances it. Label smoothing ε makes the target t (1 - ε) + ε / 2. Sources: Goodfellow,
/// Bengio, Courville, "Deep Learning" (2016), §6.2.2.2, and the fast.ai book, chapter 6.
///
/// logits: floating, any shape; columns are dimension 1, [N,K] or [N,K,d1,…]. targets: the logits' shape, 0 or 1 of any
/// whole-number type or bool, or soft and floating in [0, 1]. pos_weights: not negative. Finite for every finite logit;
/// z = -∞ with t = 0 and z = ∞ with t = 1 give 0 with gradient 0. Result: float32 (float64 for float64 logits); a
/// scalar, or the logits' shape for none; the mean of no elements is 0. Throws std::invalid_argument for shapes,
/// dtypes, targets and options that do not fit. Call it with its namespace: without, the compiler finds LibTorch's
/// function of that name as well.
torch::Tensor binary_cross_entropy_with_logits(const torch::Tensor& logits, const torch::Tensor& targets,
                                               const BinaryCrossEntropyOptions& options = {});

/// How far each prediction is from its target: the mean of 1 - σ(z) where the target is 1 and of σ(z) elsewhere. The
/// first loss of the fast.ai book (chapter 4), for readers who follow the book.
///
/// Train with binary_cross_entropy_with_logits instead. This loss's gradient is ±σ(z) (1 - σ(z)): it vanishes where the
/// network is surely wrong just as where it is surely right, and .99 hardly differs from .999. The logarithm in
/// cross-entropy undoes that: its gradient is σ(z) - t, the error itself, and being ten times surer counts.
///
/// logits: floating, any shape. targets: the logits' shape, in [0, 1], of any dtype; 1 is one class, all else the
/// other. Result: a scalar in [0, 1], float32 (float64 for float64 logits), 0 for no elements. Throws
/// std::invalid_argument for shapes and targets that do not fit.
torch::Tensor mnist_loss(const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace margay::loss
