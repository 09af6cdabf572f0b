#include "margay/model/weights/tensor_statistics.h"

#include <torch/types.h>

namespace margay::model {

TensorStatistics statistics_of(const at::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kDouble).flatten();
  const torch::Tensor finite = values.masked_select(values.isfinite());
  TensorStatistics statistics{.non_finite = values.numel() - finite.numel()};
  if (finite.numel() == 0) return statistics;
  statistics.min = finite.min().item<double>();
  statistics.max = finite.max().item<double>();
  statistics.mean = finite.mean().item<double>();
  return statistics;
}

}  // namespace margay::model
