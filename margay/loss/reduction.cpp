#include "margay/loss/reduction.h"

namespace margay::loss {
namespace {

/// sum / total, and what is asked for where the total is 0. No value leaves the device.
torch::Tensor divide(const torch::Tensor& sum, const torch::Tensor& total, EmptyMean empty_mean) {
  if (empty_mean == EmptyMean::kNan) return sum / total;
  return sum / total.masked_fill(total == 0, 1);
}

}  // namespace

torch::Tensor reduce(const torch::Tensor& losses, Reduction reduction, EmptyMean empty_mean) {
  switch (reduction) {
    case Reduction::kMean:
      return losses.numel() == 0 && empty_mean == EmptyMean::kZero ? losses.sum() : losses.mean();
    case Reduction::kSum:
      return losses.sum();
    case Reduction::kNone:
      return losses;
  }
  return losses;
}

torch::Tensor reduce_weighted(const torch::Tensor& losses, const torch::Tensor& weights, Reduction reduction,
                              EmptyMean empty_mean) {
  if (reduction != Reduction::kMean) return reduce(losses, reduction);
  return divide(losses.sum(), weights.sum(), empty_mean);
}

}  // namespace margay::loss
