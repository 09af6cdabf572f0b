#pragma once

#include <array>
#include <utility>

#include <torch/types.h>

namespace margay::loss {

/// What becomes of the N losses of a batch.
enum class Reduction { kMean, kSum, kNone };

constexpr auto names(Reduction /*tag*/) {
  return std::array{std::pair{Reduction::kMean, "mean"}, std::pair{Reduction::kSum, "sum"},
                    std::pair{Reduction::kNone, "none"}};
}

/// The mean of no losses, as when every target of a batch is ignored. PyTorch's is NaN, which one such batch then
/// carries into every weight (pytorch#70348).
enum class EmptyMean { kZero, kNan };

constexpr auto names(EmptyMean /*tag*/) {
  return std::array{std::pair{EmptyMean::kZero, "zero"}, std::pair{EmptyMean::kNan, "nan"}};
}

/// losses: floating [N] or [N,d1,…]. Result: a scalar for mean and sum, the losses themselves for none.
torch::Tensor reduce(const torch::Tensor& losses, Reduction reduction, EmptyMean empty_mean = EmptyMean::kZero);

/// The same where losses weigh differently and already contain their weights: the mean divides by Σ weights.
/// weights: the losses' shape, not negative.
torch::Tensor reduce_weighted(const torch::Tensor& losses, const torch::Tensor& weights, Reduction reduction,
                              EmptyMean empty_mean = EmptyMean::kZero);

}  // namespace margay::loss
