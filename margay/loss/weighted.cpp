#include "margay/loss/weighted.h"

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

}  // namespace margay::loss
