#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/layers.h"

namespace margay::model {

/// How a block's input is brought to the shape of its output.
enum class Shortcut {
  kConvolution,  ///< a 1x1 convolution with the block's stride, which skips three of four pixels
  kPooled,       ///< their mean, then a 1x1 convolution ("ResNet-D": He et al. 2018, arXiv:1812.01187, figure 2c)
};

/// The place of a residual block in its network.
struct BlockPlace {
  std::int64_t in_channels;
  std::int64_t width;  ///< of its 3x3 convolutions
  std::int64_t out_channels;
  std::int64_t stride;      ///< 2 halves the image
  std::int64_t groups = 1;  ///< of a bottleneck's 3x3 convolution
  Shortcut shortcut = Shortcut::kConvolution;
  bool strides_first = false;  ///< a bottleneck's stride is its first 1x1's, as in the paper and in Caffe
};

/// Two 3x3 convolutions around which the input is added (He et al. 2015, figure 5 left).
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
class BasicBlock : public torch::nn::Module, public DescribedLayer {
 public:
  explicit BasicBlock(const BlockPlace& place);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

  /// Initialises its last batch norm with weight 0, so that the block starts as its shortcut (Goyal et al. 2017,
  /// arXiv:1706.02677, section 5.1).
  void start_as_shortcut();

 private:
  torch::nn::Conv2d conv1_, conv2_;
  torch::nn::BatchNorm2d bn1_, bn2_;
  torch::nn::Sequential downsample_{nullptr};  ///< only where the shape changes
};

/// 1x1 to the width, 3x3, 1x1 to the output's channels (figure 5 right). The stride is the 3x3's, as in torchvision
/// ("ResNet v1.5"), unless BlockPlace says otherwise; so are the groups (Xie et al. 2016, arXiv:1611.05431, figure 3c).
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
class Bottleneck : public torch::nn::Module, public DescribedLayer {
 public:
  explicit Bottleneck(const BlockPlace& place);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

  /// As BasicBlock's.
  void start_as_shortcut();

 private:
  torch::nn::Conv2d conv1_, conv2_, conv3_;
  torch::nn::BatchNorm2d bn1_, bn2_, bn3_;
  torch::nn::Sequential downsample_{nullptr};
};

/// A convolution without bias that keeps the image's size at stride 1. kernel_px is odd.
torch::nn::Conv2d make_conv(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_px,
                            std::int64_t stride = 1, std::int64_t groups = 1);

/// The shape of a residual network.
struct ResNetShape {
  enum class Block { kBasic, kBottleneck };
  enum class Stem {
    kLarge,  ///< 7x7 stride 2, then 3x3 max pooling stride 2: for images of 160 pixels and more
    kSmall,  ///< 3x3 stride 2: for 64-96 pixels
    kDeep,   ///< as kLarge, with three 3x3 for the 7x7 (Szegedy et al. 2015, arXiv:1512.00567)
  };
  enum class Start {
    kUsual,     ///< every batch norm with weight 1
    kShortcut,  ///< the last batch norm of every block with weight 0
  };
  Block block = Block::kBasic;
  Stem stem = Stem::kLarge;
  std::vector<std::int64_t> blocks;  ///< per stage; every stage but the first halves the image
  std::int64_t width = 64;           ///< channels of stem and first stage; doubles with every stage
  std::size_t early_stages = 2;      ///< stages that share the first parameter group with the stem
  std::int64_t groups = 1;           ///< of a bottleneck's 3x3 convolution
  std::int64_t group_width = 64;     ///< channels of each group in a first stage of 64; doubles with every stage
  Shortcut shortcut = Shortcut::kConvolution;
  Start start = Start::kUsual;
};

/// A residual network (He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015) without its
/// classifier; with more groups a ResNeXt (Xie et al. 2016, arXiv:1611.05431), with wider ones a wide network
/// (Zagoruyko and Komodakis 2016, arXiv:1605.07146). Parameters bear torchvision's names: conv1, bn1, layer1.0.conv1,
/// layer1.0.downsample.0 …; with deep stem or pooled shortcuts, which torchvision lacks, timm's: conv1.0, conv1.1,
/// conv1.3, conv1.4, conv1.6, layer2.0.downsample.1, .2. Initialised as published: Kaiming normal with fan-out for
/// convolutions, 1 and 0 for batch norms, as `start` says.
class ResNet : public Backbone {
 public:
  explicit ResNet(const ResNetShape& shape, const BackboneOptions& options = {});
  std::vector<Stage> stages() override;
  /// The stem and every block.
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return channels_; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::int64_t stride() const override;
  /// A pooled shortcut takes the mean of two cells where the branch beside it looks at the first one: halfway.
  MapGrid map_grid(std::int64_t side_px) const override;
  std::vector<std::string> early_children() const override;

 private:
  torch::nn::Sequential make_layer(std::int64_t width, std::int64_t blocks, std::int64_t stride);
  void initialise();
  torch::Tensor run_stem(const torch::Tensor& images);

  ResNetShape shape_;
  bool strides_first_;
  std::int64_t channels_;  ///< of the latest layer's result
  torch::nn::Conv2d conv1_{nullptr};
  NestedSequential deep_conv1_{nullptr};  ///< in its place, under its name
  torch::nn::BatchNorm2d bn1_;
  std::vector<torch::nn::Sequential> layers_;
};

}  // namespace margay::model
