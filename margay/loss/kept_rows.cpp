#include "margay/loss/kept_rows.h"

namespace margay::loss {

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

}  // namespace margay::loss
