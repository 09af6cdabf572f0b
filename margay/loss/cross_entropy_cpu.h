#pragma once

#include "margay/loss/cross_entropy.h"

namespace margay::loss {

// cross_entropy for tensors on the CPU, through the kernels. Arguments are already checked.

/// The loss, with its place in the autograd graph where the logits require a gradient.
torch::Tensor cross_entropy_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                                const CrossEntropyOptions& options);

LossAndGradient cross_entropy_with_gradient_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                                                const CrossEntropyOptions& options);

/// The gradient of Σ upstream · losses, upstream being a scalar for mean and sum and of the losses' shape for none.
torch::Tensor cross_entropy_gradient_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                                         const CrossEntropyOptions& options, const torch::Tensor& upstream);

}  // namespace margay::loss
