#include "margay/loss/weighted.h"

namespace margay::loss {

torch::Tensor weighted(const torch::Tensor& weight, const torch::Tensor& value) {
  const torch::Tensor counts_nothing = (weight == 0).logical_and(value.isinf());
  return weight * value.masked_fill(counts_nothing, 0);
}

}  // namespace margay::loss
