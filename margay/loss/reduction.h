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

/// losses: floating [N] or [N,d1,…]. Result: a scalar for mean and sum, the losses themselves for none.
/// The mean of no losses is NaN, as it is in PyTorch.
torch::Tensor reduce(const torch::Tensor& losses, Reduction reduction);

}  // namespace margay::loss
