#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

namespace margay::model {

/// A convolution whose result goes into a batch norm and nowhere else. Both are members of their module.
struct ConvNormPair {
  torch::nn::Conv2d& conv;
  torch::nn::BatchNorm2d& norm;  ///< null once it has been folded
};

/// The interface of a module that calls convolutions and batch norms itself. (Pairs within a torch::nn::Sequential are
/// found without it.) Its forward must skip a null norm, as batch_norm (fused/batch_norm.h) does.
class HasConvNorms {
 public:
  virtual ~HasConvNorms() = default;
  virtual std::vector<ConvNormPair> conv_norms() = 0;
};

/// Folds every batch norm that follows a convolution, in a torch::nn::Sequential or by HasConvNorms, into that
/// convolution, which gets a bias; the norms are removed. For inference only: the module must be in eval mode
/// (std::invalid_argument), its parameters then need no gradients, and its state no longer matches the architecture.
/// Logits are the same up to rounding. Weights keep device, type and layout; sums are computed in double. A module
/// without such pairs is not changed.
void fold_batch_norms(torch::nn::Module& module);

}  // namespace margay::model
