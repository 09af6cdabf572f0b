#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "margay/model/backbone/conv_norm.h"
#include "margay/model/backbone/nested_sequential.h"
#include "margay/model/backbone/squeeze_excitation.h"
#include "margay/model/backbone/stochastic_depth.h"

namespace margay::model {

struct InvertedResidualOptions {
  std::int64_t in_channels;
  std::int64_t expanded;  ///< channels of the depthwise convolution
  std::int64_t out_channels;
  std::int64_t kernel_px = 3;
  std::int64_t stride = 1;
  Activation activation = Activation::kRelu;
  std::int64_t squeezed = 0;  ///< channels within squeeze-and-excitation; 0: none
  Activation squeeze_activation = Activation::kRelu;
  Gate gate = Gate::kSigmoid;
  NormOptions norm = {};
  double drop = 0;  ///< stochastic depth, 0 … 1
};

/// A narrow layer widened, filtered channel by channel, reweighed and narrowed again, around which the input is added
/// where shapes allow: the block of MobileNetV3 (arXiv:1905.02244, figure 4) and EfficientNet (MBConv).
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride]. Layers "block.0", "block.1" …; the widening is left out
/// where expanded = in_channels.
class InvertedResidualImpl : public torch::nn::Module {
 public:
  explicit InvertedResidualImpl(const InvertedResidualOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  bool is_residual_;
  NestedSequential block_;
  StochasticDepth depth_;
};
TORCH_MODULE(InvertedResidual);

}  // namespace margay::model
