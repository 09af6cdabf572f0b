#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/modules/container/sequential.h>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// The shape of a VGG network.
struct VggShape {
  enum class Norm {
    kNone,   ///< as in the paper
    kBatch,  ///< a batch norm behind every convolution
  };
  /// Channels of the 3x3 convolutions, block by block; every block ends with 2x2 max pooling. The default is the
  /// paper's configuration D, of 16 layers.
  std::vector<std::vector<std::int64_t>> blocks{
      {64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}};
  Norm norm = Norm::kNone;
};

/// Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
/// arXiv:1409.1556, without its linear layers. Parameters bear torchvision's names: features.0, features.2 …, and
/// classifier.0, .3 and .6 in the published head, which pools to 7x7 for images of other sizes than 224. Initialised
/// as torchvision's: Kaiming normal with fan-out; linear layers normal with .01. Pooling rounds H/32 down.
class Vgg : public Backbone {
 public:
  explicit Vgg(const VggShape& shape, const BackboneOptions& options = {});
  std::vector<Stage> stages() override;
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return shape_.blocks.back().back(); }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::int64_t stride() const override { return std::int64_t{1} << shape_.blocks.size(); }
  /// Pooled pixels do not overlap.
  MapGrid map_grid(std::int64_t /*side_px*/) const override {
    return {static_cast<double>(stride()) / 2, static_cast<double>(stride())};
  }
  /// The layers before features.22, as fastai's _vgg_split.
  std::vector<std::string> early_children() const override;

 private:
  void append_convolution(std::int64_t in_channels, std::int64_t out_channels);

  VggShape shape_;
  torch::nn::Sequential features_;
  std::vector<std::size_t> block_ends_;  ///< in features_
};

}  // namespace margay::model
