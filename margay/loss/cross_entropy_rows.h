#pragma once

#include <torch/types.h>

#include "margay/loss/cross_entropy.h"

namespace margay::loss {

/// cross_entropy written with LibTorch's operators, so that it is differentiable any number of times and runs on every
/// device. CUDA uses it, the kernels are tested against it, and their higher derivatives come from it. Arguments are
/// not checked.
torch::Tensor cross_entropy_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                                    const CrossEntropyOptions& options);

/// Whether targets are distributions rather than indices.
inline bool are_soft(const torch::Tensor& targets) { return targets.is_floating_point(); }

// The parts of cross_entropy, on every device: the kernels on the CPU, LibTorch's operators elsewhere. Arguments are
// already checked; nothing becomes part of the autograd graph; options.reduction is not applied unless said so.

/// The unreduced losses, in the targets' shape without K: float64 on the CPU, on other devices in the formula's dtype.
torch::Tensor row_losses(const torch::Tensor& logits, const torch::Tensor& targets, const CrossEntropyOptions& options);

/// What the gradients of the losses are multiplied by: one factor, and one more per row where `rows` is defined.
struct GradientScale {
  double factor = 1;
  torch::Tensor rows;  ///< floating, of the losses' shape
};

/// The same with the gradient of Σ scale · loss. The gradient has the logits' shape and dtype, and their memory where
/// gradient_place says so and their classes lie side by side.
LossAndGradient row_losses_and_gradient(const torch::Tensor& logits, const torch::Tensor& targets,
                                        const CrossEntropyOptions& options, const GradientScale& scale);

/// What the mean divides by; 1 for the other reductions.
double divisor(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options);

/// The scale that makes the rows' gradients that of the reduced loss: 1 / divisor, and 0 when nothing counts.
GradientScale scale_of_reduction(double divisor);

/// The same times the upstream gradient, a scalar, or of the losses' shape for reduction none.
GradientScale scale_of_upstream(const torch::Tensor& upstream, double divisor);

/// Applies options.reduction. Result: float64 for float64 logits, otherwise float32.
torch::Tensor reduce_rows(const torch::Tensor& losses, double divisor, const CrossEntropyOptions& options,
                          torch::ScalarType logits_type);

}  // namespace margay::loss
