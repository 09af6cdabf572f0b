#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/convnext.h"

namespace margay::model {

/// Makes channels compete (global response normalisation, arXiv:2301.00808, equations 1 to 3): each channel's L2 norm
/// over all places, divided by the mean of those of all channels, is a factor n of the channel; the result is
/// weight · (x n) + bias + x. Weight and bias begin at 0.
class GlobalResponseNormImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit GlobalResponseNormImpl(std::int64_t channels);
  /// x: float [N,H,W,C]. Returns the same shape and dtype, without a gradient in the memory of an x that is given away;
  /// norms are computed in float32 at least.
  torch::Tensor forward(torch::Tensor x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::Tensor weight_, bias_;  ///< [C]
};
TORCH_MODULE(GlobalResponseNorm);

/// ConvNeXt V2 (Woo, Debnath, Hu, Chen, Liu, Kweon, Xie, "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked
/// Autoencoders", 2023, arXiv:2301.00808, figure 5) without its classifier: ConvNeXt's blocks with global response
/// normalisation in place of the layer scale. Names are timm's: stem.0, stages.1.downsample.1,
/// stages.1.blocks.0.conv_dw, …mlp.grn. Sides of the result are rounded down, as ConvNeXt's.
class ConvNextV2 : public FeatureStack {
 public:
  explicit ConvNextV2(const ConvNextShape& shape, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  /// Patches do not overlap.
  MapGrid map_grid(std::int64_t /*side_px*/) const override { return {kStride / 2.0, kStride}; }
  std::vector<std::string> early_children() const override { return {"stem"}; }
};

}  // namespace margay::model
