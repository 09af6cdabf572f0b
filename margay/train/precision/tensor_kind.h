#pragma once

#include <cstdint>

#include <torch/types.h>

namespace margay::train {

/// Floats that are worth a second thread: 128 KiB.
inline constexpr std::int64_t kThreadGrain = 1 << 15;

/// Whether its memory is one block of floats of the CPU, which a loop of ours may walk over.
inline bool is_plain_float(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat && tensor.is_non_overlapping_and_dense();
}

/// float16 and bfloat16.
inline bool is_narrow(const torch::Tensor& tensor) { return tensor.element_size() < 4; }

/// The tensor itself, or a float32 copy of a narrow one.
inline torch::Tensor at_least_float(const torch::Tensor& tensor) {
  return is_narrow(tensor) ? tensor.to(torch::kFloat) : tensor;
}

}  // namespace margay::train
