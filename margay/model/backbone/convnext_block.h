#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "margay/model/backbone/channel_norm.h"
#include "margay/model/backbone/stochastic_depth.h"

namespace margay::model {

/// Depthwise 7x7, layer norm, then a layer four times as wide between two linear ones, pixel by pixel; the result,
/// scaled by a learnt factor a channel, is added to the input (arXiv:2201.03545, figure 4). [N,C,H,W] -> the same.
/// Linear layers see channels-last maps as [N,H,W,C] without a copy. Layers "block.0", "block.2", "block.3", "block.5":
/// torchvision counts the two permutations and the activation.
class ConvNextBlockImpl : public torch::nn::Module {
 public:
  /// drop: stochastic depth, 0 … 1.
  ConvNextBlockImpl(std::int64_t channels, double drop);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d depthwise_;
  ChannelNorm norm_;
  torch::nn::Linear widen_, narrow_;
  torch::Tensor layer_scale_;  ///< [C,1,1]
  StochasticDepth depth_;
};
TORCH_MODULE(ConvNextBlock);

}  // namespace margay::model
