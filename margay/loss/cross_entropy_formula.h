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

/// int64 indices, so that ignore_index means the same for every type: as uint8, -100 is class 156.
inline torch::Tensor whole_indices(const torch::Tensor& targets) { return targets.to(torch::kLong); }

/// float32 for float16 and bfloat16, otherwise the tensor itself.
torch::Tensor at_least_float(const torch::Tensor& tensor);

/// w_y for each target (whole_indices), 0 where it is to be ignored. dtype and device of `like`; weights may be empty:
/// all 1.
torch::Tensor example_weights(const torch::Tensor& targets, const std::vector<double>& class_weights,
                              std::int64_t ignore_index, const torch::Tensor& like);

}  // namespace margay::loss
