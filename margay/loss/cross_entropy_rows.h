#pragma once

#include <torch/types.h>

#include "margay/loss/cross_entropy.h"

namespace margay::loss {

/// cross_entropy written with LibTorch's operators, so differentiable any number of times and at home on every device.
/// It is what the kernels are tested against, what serves CUDA, and what their higher derivatives come from. Nothing is
/// checked.
torch::Tensor cross_entropy_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                                    const CrossEntropyOptions& options);

/// Whether targets are distributions rather than indices.
inline bool are_soft(const torch::Tensor& targets) { return targets.is_floating_point(); }

// What cross_entropy is made of, on every device: the kernels on the CPU, LibTorch's operators elsewhere. Arguments are
// already checked; nothing becomes part of the autograd graph; options.reduction is not applied unless said so.

/// The losses, not reduced: float64 on the CPU, elsewhere as the formula gives them. The targets' shape without K.
torch::Tensor row_losses(const torch::Tensor& logits, const torch::Tensor& targets, const CrossEntropyOptions& options);

/// What the gradients of the losses are multiplied by: a factor, and another for each row where `rows` is defined.
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
