#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// The published version of SqueezeNet.
enum class SqueezeNetVersion {
  k1_0,  ///< the paper's
  k1_1,  ///< its authors' second: a smaller first convolution and earlier pooling, as accurate at 2.3 times less work
};

/// A 1x1 convolution to few channels, then 1x1 and 3x3 side by side (section 3.2, "Fire module").
/// [N,in_channels,H,W] -> [N,2*expand,H,W].
class Fire : public torch::nn::Module, public DescribedLayer {
 public:
  Fire(std::int64_t in_channels, std::int64_t squeeze, std::int64_t expand);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::Conv2d squeeze_, expand1x1_, expand3x3_;
};

/// Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
/// arXiv:1602.07360, without its last convolution. Parameters bear torchvision's names: features.0,
/// features.3.squeeze …, and classifier.1 in the published head. Initialised as torchvision's: Kaiming uniform, biases
/// 0; the head's convolution normal with .01. The first convolution has no padding, so images of H pixels give about
/// H/16 - 1 steps; the smallest have 17 or 21.
class SqueezeNet : public Backbone {
 public:
  explicit SqueezeNet(SqueezeNetVersion version, const BackboneOptions& options = {});
  std::vector<Stage> stages() override;
  /// The stem and every Fire module.
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return 512; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::int64_t stride() const override { return 16; }
  /// Of four layers without padding: a kernel of 7 or 3, and poolings of 3.
  MapGrid map_grid(std::int64_t /*side_px*/) const override { return {first_px_, 16}; }
  /// The layers before features.5, as fastai's _squeezenet_split.
  std::vector<std::string> early_children() const override;

 private:
  torch::nn::Sequential features_;
  double first_px_;
};

}  // namespace margay::model
