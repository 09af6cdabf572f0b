#pragma once

#include <torch/types.h>

namespace margay::model {

/// torch::max_pool2d(x, 3, 2, 1), the pooling of ResNets' stems: [N,C,H,W] -> [N,C,ceil(H/2),ceil(W/2)]. LibTorch keeps
/// for every result where it came from as a number of 8 bytes, four times the memory of the result itself in bfloat16,
/// and needs it even where there is no gradient; here it is one byte, and only where there is one. Same values and
/// gradients, ties and NaN included. float32 and bfloat16 on the CPU, channels-last, go this way; everything else takes
/// the operator.
torch::Tensor max_pool_3x3(const torch::Tensor& x);

}  // namespace margay::model
