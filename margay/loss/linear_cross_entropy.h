#pragma once

#include <torch/types.h>

#include "margay/loss/cross_entropy.h"

namespace margay::loss {

struct LinearCrossEntropyOptions {
  CrossEntropyOptions cross_entropy;
  int chunk_mb = 72;

  static const core::OptionTable& fields();
};

/// cross_entropy(features · weightᵀ + bias, targets) without ever storing all logits [N,K]. Rows are computed in
/// chunks, and each chunk adds its part to the gradients of features, weight and bias. Forward and backward together
/// cost the same three matrix products as without chunks, but memory for one chunk only. Chunks of classes would need a
/// fourth product and save little: 32 rows of logits are D/32 times smaller than the gradient of the weights. The idea
/// is that of Hsu et al. (Liger Kernel), arXiv:2410.10989, §3.2, and Wijmans et al., arXiv:2411.09009.
///
/// features: floating [N,D] (float16 only where LibTorch multiplies it; 1.13 does not on the CPU); weight: [K,D] and
/// bias: [K] (or undefined) of the same dtype and device. Gradients of the weights in float16 and bfloat16 are added up
/// in float32. targets: [N], or [N,K] soft ones. Result: as cross_entropy's. Reduction none, and float16, compute the
/// logits once more in backward(). Throws std::invalid_argument as cross_entropy does, and when a second derivative or
/// one by the targets is asked for.
torch::Tensor linear_cross_entropy(const torch::Tensor& features, const torch::Tensor& weight,
                                   const torch::Tensor& bias, const torch::Tensor& targets,
                                   const LinearCrossEntropyOptions& options = {});

}  // namespace margay::loss
