#pragma once

#include <torch/nn/module.h>

namespace margay::model {

/// Replaces every convolution that a batch norm follows, in a torch::nn::Sequential or by HasConvNorms, by one that
/// does the work of both, with a bias; the norms are gone. For inference only: the module must be in eval mode
/// (std::invalid_argument), its parameters then need no gradients, and its state no longer is that of the architecture.
/// Logits are the same up to rounding. Weights keep device, type and layout; sums are taken in double. In a module
/// without such pairs nothing changes.
void fold_batch_norms(torch::nn::Module& module);

}  // namespace margay::model
