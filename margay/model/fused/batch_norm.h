#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>

namespace margay::model {

/// norm(x). Batch norm, sum and ReLU do little arithmetic on much memory, so one function does everything that follows
/// a convolution: forward it reads x twice and writes once, where LibTorch's operators read and write six times;
/// backward it reads x and the gradient twice and writes once, five times instead of eight (benchmarks/models).
///
/// Result, running statistics and gradients are those of LibTorch's operators on the same tensors, up to rounding, and
/// the same bits whatever the number of threads. float32 and bfloat16 [N,C,H,W] on the CPU, channels-last, with float32
/// parameters use this function; everything else, gradients in eval mode, and gradients of gradients use the operators.
///
/// x: [N,C,H,W]. If no one else holds it and no gradient needs it, the result reuses its memory. norm: null if it has
/// been folded into the convolution before it (fold_batch_norms.h); x is then the norm's result.
torch::Tensor batch_norm(torch::Tensor x, torch::nn::BatchNorm2d& norm);

/// relu(norm(x) + residual); residual: as x, or undefined.
torch::Tensor batch_norm_relu(torch::Tensor x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual = {});

}  // namespace margay::model
