#pragma once

#include <cstdint>

#include <torch/types.h>

#include "margay/loss/cross_entropy_options.h"

namespace margay::loss::kernels {

/// Losses and gradients of R independent rows.
struct SoftmaxRows {
  torch::Tensor logits;                ///< float64, float32, bfloat16 or float16 [R,K] on the CPU, contiguous
  torch::Tensor targets;               ///< whole numbers [R] or distributions [R,K], on the CPU, already checked
  torch::Tensor gradient;              ///< as the logits, may be their own memory; undefined: none is computed
  double* losses = nullptr;            ///< [R], or null; not reduced
  double scale = 1;                    ///< the gradient is multiplied by it
  const double* row_scales = nullptr;  ///< [R], further factors of the gradient, or null
};

/// Σ w_y over the rows that are kept, or Σ_k w_k q_k over all soft ones: what a weighted mean divides by.
double total_count(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options);

/// One pass over the logits, and one to write the gradient; rows are shared among LibTorch's threads, or the columns
/// where rows are few. The losses do not depend on the number of threads. An ignored row gives 0 and is not read.
void run(const SoftmaxRows& rows, const CrossEntropyOptions& options);

}  // namespace margay::loss::kernels
