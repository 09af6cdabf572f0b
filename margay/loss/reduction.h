#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

namespace margay::loss {

/// weight · value, where 0 · ±∞ is 0, and so is its gradient by value: a term with probability 0 adds nothing, even if
/// its logarithm is infinite. NaN stays NaN. weight, value: floating, of shapes that broadcast to value's.
torch::Tensor weighted(const torch::Tensor& weight, const torch::Tensor& value);

/// Weights shaped so that they broadcast along dimension 1 of `like`, [N,K] or [N,K,d1,…], in its dtype and on its
/// device. weights: K numbers.
torch::Tensor along_columns(const std::vector<double>& weights, const torch::Tensor& like);

/// Logits and targets in which ignored rows are replaced by logits 0 and target 0. Ignored rows may hold infinities or
/// NaN, which must not reach a sum or a gradient.
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

/// How the N losses of a batch are combined.
enum class Reduction { kMean, kSum, kNone };

constexpr auto names(Reduction /*tag*/) {
  return std::array{std::pair{Reduction::kMean, "mean"}, std::pair{Reduction::kSum, "sum"},
                    std::pair{Reduction::kNone, "none"}};
}

/// The mean of no losses, as when every target of a batch is ignored. In PyTorch it is NaN, and one such batch makes
/// every weight NaN (pytorch#70348).
enum class EmptyMean { kZero, kNan };

constexpr auto names(EmptyMean /*tag*/) {
  return std::array{std::pair{EmptyMean::kZero, "zero"}, std::pair{EmptyMean::kNan, "nan"}};
}

/// losses: floating [N] or [N,d1,…]. Result: a scalar for mean and sum, the losses themselves for none.
torch::Tensor reduce(const torch::Tensor& losses, Reduction reduction, EmptyMean empty_mean = EmptyMean::kZero);

/// The same for losses that are already multiplied by their weights: the mean divides by Σ weights.
/// weights: the losses' shape, not negative.
torch::Tensor reduce_weighted(const torch::Tensor& losses, const torch::Tensor& weights, Reduction reduction,
                              EmptyMean empty_mean = EmptyMean::kZero);

}  // namespace margay::loss
