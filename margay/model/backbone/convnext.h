#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/layers.h"

namespace margay::model {

/// Layer norm over the channels of every pixel (ConvNeXt, arXiv:2201.03545, section 2.6). LibTorch normalises a
/// permuted view of a channels-last tensor without a copy.
class ChannelNormImpl : public torch::nn::LayerNormImpl, public DescribedLayer {
 public:
  ChannelNormImpl(std::int64_t channels, double eps)
      : torch::nn::LayerNormImpl(torch::nn::LayerNormOptions({channels}).eps(eps)) {}

  /// x: float [N,C,H,W]. Returns the same shape, channels-last, in the dtype of the parameters: under autocast LibTorch
  /// 1.13 does not normalise bfloat16 with float parameters on the CPU.
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor pixels = x.permute({0, 2, 3, 1}).to(weight.scalar_type());  // [N,H,W,C]
    return torch::nn::LayerNormImpl::forward(pixels).permute({0, 3, 1, 2});
  }
  ValueId describe(GraphBuilder& graph, ValueId x) override;
};
TORCH_MODULE(ChannelNorm);

/// Depthwise 7x7, layer norm, then a layer four times as wide between two linear ones, pixel by pixel; the result,
/// scaled by a learnt factor a channel, is added to the input (arXiv:2201.03545, figure 4). [N,C,H,W] -> the same.
/// Linear layers use channels-last tensors as [N,H,W,C] without a copy. Layers "block.0", "block.2", "block.3",
/// "block.5": torchvision counts the two permutations and the activation.
class ConvNextBlockImpl : public torch::nn::Module, public DescribedLayer {
 public:
  /// drop: stochastic depth, 0 … 1.
  ConvNextBlockImpl(std::int64_t channels, double drop);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::Conv2d depthwise_;
  ChannelNorm norm_;
  torch::nn::Linear widen_, narrow_;
  torch::Tensor layer_scale_;  ///< [C,1,1]
  StochasticDepth depth_;
};
TORCH_MODULE(ConvNextBlock);

/// The shape of a ConvNeXt.
struct ConvNextShape {
  std::int64_t width = 96;                            ///< channels of the first stage; doubles with every stage
  std::array<std::int64_t, 4> blocks = {3, 3, 9, 3};  ///< per stage
  double max_drop = 0.1;                              ///< stochastic depth of the last block, from 0 at the first
};

/// ConvNeXt (Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, "A ConvNet for the 2020s", 2022, arXiv:2201.03545, figure 4)
/// without its classifier. Names and initialisation are torchvision's. Images are cut into patches of 4 pixels and
/// then of 2x2, so what does not fill the last one is not seen: sides of the result are rounded down.
class ConvNext : public FeatureStack {
 public:
  explicit ConvNext(const ConvNextShape& shape, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  /// Patches do not overlap.
  MapGrid map_grid(std::int64_t /*side_px*/) const override { return {kStride / 2.0, kStride}; }
};

}  // namespace margay::model
