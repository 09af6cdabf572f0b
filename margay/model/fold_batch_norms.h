#pragma once

#include <torch/nn/module.h>

namespace margay::model {

/// Folds every batch norm that gets the result of a convolution, which nothing else gets, into that convolution, which
/// gets a bias; the norms are removed. Pairs are found in the module's graph (graph/graph.h), so it must be a
/// classifier, describe itself, or be a Sequential of such modules and of LibTorch's layers (std::invalid_argument).
/// For inference only: the module must be in eval mode (std::invalid_argument), its parameters then need no gradients,
/// and its state no longer matches the architecture. Logits are the same up to rounding. Weights keep device, type and
/// layout; sums are computed in double. A module without such pairs is not changed.
void fold_batch_norms(torch::nn::Module& module);

}  // namespace margay::model
