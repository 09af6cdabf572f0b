#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>

namespace margay::model {

/// norm(x). Batch norm, sum and ReLU are little arithmetic for much memory, so one function does all that follows a
/// convolution: forward it reads x twice and writes once, where LibTorch's operators read and write six times; backward
/// it reads x and the gradient twice and writes once, five times instead of eight (benchmarks/models).
///
/// Result, running statistics and gradients are those of LibTorch's operators on the same tensors, up to rounding, and
/// the same bits whatever the number of threads. float32 and bfloat16 [N,C,H,W] on the CPU, channels-last, with float32
/// parameters go this way; everything else, gradients in eval mode, and gradients of gradients take the operators.
///
/// x: [N,C,H,W]. Where nobody else holds it and no gradient needs it, its memory becomes the result's.
/// norm: null where it has been folded into the convolution before it (fold_batch_norms.h); x then is the norm's
/// result.
torch::Tensor batch_norm(torch::Tensor x, torch::nn::BatchNorm2d& norm);

/// relu(norm(x) + residual); residual: as x, or undefined.
torch::Tensor batch_norm_relu(torch::Tensor x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual = {});

}  // namespace margay::model
