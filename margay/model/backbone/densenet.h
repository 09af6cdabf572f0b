#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// Batch norm, 1x1 convolution to four times the growth, batch norm, 3x3 convolution to the growth: a layer of
/// "DenseNet-B" (Huang et al. 2016, section 3). [N,in_channels,H,W] -> [N,growth,H,W].
class DenseLayer : public torch::nn::Module, public DescribedLayer {
 public:
  DenseLayer(std::int64_t in_channels, std::int64_t growth);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::BatchNorm2d norm1_, norm2_;
  torch::nn::Conv2d conv1_, conv2_;
};

/// Layers of which each gets the results of all previous ones (section 3, "dense connectivity").
/// [N,in_channels,H,W] -> [N,in_channels+layers*growth,H,W]: the input first.
class DenseBlock : public torch::nn::Module, public DescribedLayer {
 public:
  DenseBlock(std::int64_t in_channels, std::int64_t layers, std::int64_t growth);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  std::vector<std::shared_ptr<DenseLayer>> layers_;
};

/// Between two blocks: batch norm, 1x1 convolution to half of the channels, 2x2 mean pooling, which rounds down.
/// [N,in_channels,H,W] -> [N,in_channels/2,H/2,W/2].
class DenseTransition : public torch::nn::Module, public DescribedLayer {
 public:
  explicit DenseTransition(std::int64_t in_channels);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::BatchNorm2d norm_;
  torch::nn::Conv2d conv_;
};

/// The shape of a DenseNet.
struct DenseNetShape {
  std::vector<std::int64_t> blocks{6, 12, 24, 16};  ///< layers of each; the default has 121 layers
  std::int64_t growth = 32;                         ///< channels that each layer adds
  std::int64_t stem = 64;                           ///< channels before the first block
};

/// Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", 2016, arXiv:1608.06993
/// ("DenseNet-BC"), without its classifier. Parameters bear torchvision's names: features.conv0, features.norm0,
/// features.denseblock1.denselayer1.norm1 …, and classifier in the published head. Initialised as torchvision's:
/// Kaiming normal. The last batch norm is followed by a ReLU, as in torchvision after its features; fastai's bodies are
/// cut before it. Pooling between blocks rounds H/32 down.
class DenseNet : public Backbone {
 public:
  explicit DenseNet(const DenseNetShape& shape, const BackboneOptions& options = {});
  std::vector<Stage> stages() override;
  /// The stem, every block, and every transition.
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return channels_; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::int64_t stride() const override { return std::int64_t{2} << blocks_; }
  /// The stem, of stride 4, pads alike; each transition then takes the mean of two cells.
  MapGrid map_grid(std::int64_t /*side_px*/) const override {
    return {0.5 + static_cast<double>(stride() - 4) / 2, static_cast<double>(stride())};
  }
  /// The stem and two blocks, as fastai's _densenet_split.
  std::vector<std::string> early_children() const override;

 private:
  void append_stem(std::int64_t in_channels);
  void append_blocks(const DenseNetShape& shape);

  std::int64_t channels_;  ///< of the latest layer's result
  std::size_t blocks_;
  torch::nn::Sequential features_;
};

}  // namespace margay::model
