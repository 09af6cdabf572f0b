#pragma once

#include <torch/types.h>

namespace margay::model {

/// x σ(x) (Elfwing et al., arXiv:1702.03118) and x Φ(x) (Hendrycks, Gimpel, arXiv:1606.08415), any shape. bfloat16 on
/// the CPU is computed here, in float and rounded once: for channels-last images LibTorch 1.13 takes 30 times as long
/// for an element of GELU or of SiLU's gradient. Everything else takes the operator. Without a gradient the result
/// takes the memory of an x that is given away.
torch::Tensor apply_silu(torch::Tensor x);
torch::Tensor apply_gelu(torch::Tensor x);

}  // namespace margay::model
