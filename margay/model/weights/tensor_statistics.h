#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace margay::model {

/// The numbers of a tensor at a glance.
struct TensorStatistics {
  double min = 0;  ///< of the finite ones, as are the others; 0 where there is none
  double max = 0;
  double mean = 0;
  std::int64_t non_finite = 0;  ///< NaN and infinities
};

/// tensor: any real or boolean dtype and shape, on the CPU. Computed in float64.
TensorStatistics statistics_of(const at::Tensor& tensor);

}  // namespace margay::model
