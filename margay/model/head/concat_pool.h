#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace margay::model {

/// The maximum and the mean over each channel, one after the other (fastai's AdaptiveConcatPool2d).
class ConcatPoolImpl : public torch::nn::Module {
 public:
  /// features: float [N,D,H,W]. Returns [N,2D,1,1], maxima first.
  torch::Tensor forward(const torch::Tensor& features);
};
TORCH_MODULE(ConcatPool);

}  // namespace margay::model
