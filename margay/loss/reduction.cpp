#include "margay/loss/reduction.h"

namespace margay::loss {

torch::Tensor weighted(const torch::Tensor& weight, const torch::Tensor& value) {
  const torch::Tensor counts_nothing = (weight == 0).logical_and(value.isinf());
  return weight * value.masked_fill(counts_nothing, 0);
}

torch::Tensor along_columns(const std::vector<double>& weights, const torch::Tensor& like) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[1] = static_cast<std::int64_t>(weights.size());
  return torch::tensor(weights, torch::kDouble).to(like.options()).view(shape);
}

torch::Tensor at_least_float(const torch::Tensor& tensor) {
  const bool is_half = tensor.scalar_type() == torch::kHalf || tensor.scalar_type() == torch::kBFloat16;
  return is_half ? tensor.to(torch::kFloat) : tensor;
}

torch::Tensor example_weights(const torch::Tensor& targets, const torch::Tensor& is_kept,
                              const std::vector<double>& class_weights) {
  if (class_weights.empty()) return is_kept;
  const torch::Tensor weights = torch::tensor(class_weights, torch::kDouble).to(is_kept.options());
  return weights.index_select(0, targets.flatten()).view(targets.sizes()) * is_kept;
}

KeptRows without_ignored(const torch::Tensor& logits, const torch::Tensor& targets,
                         const std::vector<double>& class_weights, std::int64_t ignore_index) {
  const torch::Tensor indices = whole_indices(targets);
  const torch::Tensor ignored = indices == ignore_index;
  const torch::Tensor clean = at_least_float(logits).masked_fill(ignored.unsqueeze(1), 0);
  const torch::Tensor safe = indices.masked_fill(ignored, 0);
  const torch::Tensor is_kept = ignored.logical_not().to(clean.scalar_type());
  return {clean, safe, example_weights(safe, is_kept, class_weights), is_kept};
}

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
