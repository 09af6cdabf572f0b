#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::loss {

/// Logits and targets in which nothing is left of ignored rows: logits 0, target 0. They may have held infinities or
/// NaN, of which no part may reach a sum or a gradient.
struct KeptRows {
  torch::Tensor logits;   ///< float32 or float64 [N,K] or [N,K,d1,…]
  torch::Tensor targets;  ///< int64 [N] or [N,d1,…], in [0, K)
  torch::Tensor weights;  ///< w_y, 0 for an ignored row; the logits' dtype, the targets' shape
  torch::Tensor is_kept;  ///< 1 or 0 for an ignored row; as the weights
};

/// class_weights may be empty: all 1. Nothing is checked.
KeptRows without_ignored(const torch::Tensor& logits, const torch::Tensor& targets,
                         const std::vector<double>& class_weights, std::int64_t ignore_index);

/// int64 indices, so that ignore_index means the same for every type: as uint8, -100 is class 156.
inline torch::Tensor whole_indices(const torch::Tensor& targets) { return targets.to(torch::kLong); }

/// float32 for float16 and bfloat16, otherwise the tensor itself.
torch::Tensor at_least_float(const torch::Tensor& tensor);

/// w_y for each target, 0 where is_kept is. targets: int64 in [0, K). Result: as is_kept.
torch::Tensor example_weights(const torch::Tensor& targets, const torch::Tensor& is_kept,
                              const std::vector<double>& class_weights);

}  // namespace margay::loss
