#include "margay/model/head/concat_pool.h"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/cat.h>

namespace margay::model {

torch::Tensor ConcatPoolImpl::forward(const torch::Tensor& features) {
  const torch::Tensor maxima = std::get<0>(at::adaptive_max_pool2d(features, {1, 1}));  // [N,D,1,1]
  const torch::Tensor means = at::adaptive_avg_pool2d(features, {1, 1});                // [N,D,1,1]
  return at::cat({maxima, means}, 1);
}

}  // namespace margay::model
