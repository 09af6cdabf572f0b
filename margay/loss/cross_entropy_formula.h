#pragma once

#include <torch/types.h>

#include "margay/loss/cross_entropy_options.h"

namespace margay::loss {

/// cross_entropy written with LibTorch's operators, so differentiable any number of times and at home on every device.
/// It is what the kernels are tested against, what serves CUDA, and what their higher derivatives come from. Nothing is
/// checked.
torch::Tensor cross_entropy_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                                    const CrossEntropyOptions& options);

/// Whether targets are distributions rather than indices.
inline bool are_soft(const torch::Tensor& targets) { return targets.is_floating_point(); }

}  // namespace margay::loss
