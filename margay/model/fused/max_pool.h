#pragma once

#include <torch/types.h>

namespace margay::model {

/// torch::max_pool2d(x, 3, 2, 1), the pooling of ResNets' stems: [N,C,H,W] -> [N,C,ceil(H/2),ceil(W/2)]. For every
/// result LibTorch keeps the index of its origin as a number of 8 bytes, four times the memory of the result itself in
/// bfloat16, even if there is no gradient. Here the index takes one byte, and is kept only if there is a gradient. Same
/// values and gradients, ties and NaN included. float32 and bfloat16 on the CPU, channels-last, go this way; everything
/// else takes the operator.
torch::Tensor max_pool_3x3(const torch::Tensor& x);

}  // namespace margay::model
