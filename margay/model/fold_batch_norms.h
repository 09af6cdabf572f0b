#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

namespace margay::model {

/// A convolution whose result goes into a batch norm and nowhere else; members of the module that has them.
struct ConvNormPair {
  torch::nn::Conv2d& conv;
  torch::nn::BatchNorm2d& norm;  ///< null once it has been folded
};

/// A module that calls convolutions and batch norms itself. (Those that follow each other in a torch::nn::Sequential
/// are found without it.) Its forward must take a null norm for none, as batch_norm (fused/batch_norm.h) does.
class HasConvNorms {
 public:
  virtual ~HasConvNorms() = default;
  virtual std::vector<ConvNormPair> conv_norms() = 0;
};

/// Replaces every convolution that a batch norm follows, in a torch::nn::Sequential or by HasConvNorms, by one that
/// does the work of both, with a bias; the norms are gone. For inference only: the module must be in eval mode
/// (std::invalid_argument), its parameters then need no gradients, and its state no longer is that of the architecture.
/// Logits are the same up to rounding. Weights keep device, type and layout; sums are taken in double. In a module
/// without such pairs nothing changes.
void fold_batch_norms(torch::nn::Module& module);

}  // namespace margay::model
