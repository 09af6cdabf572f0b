#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "margay/model/conv_norm_pair.h"

namespace margay::model {

/// What brings a block's input to the shape of its output.
enum class Shortcut {
  kConvolution,  ///< a 1x1 convolution with the block's stride, which skips three of four pixels
  kPooled,       ///< their mean, then a 1x1 convolution ("ResNet-D": He et al. 2018, arXiv:1812.01187, figure 2c)
};

/// Where a residual block stands in its network.
struct BlockPlace {
  std::int64_t in_channels;
  std::int64_t width;  ///< of its 3x3 convolutions
  std::int64_t out_channels;
  std::int64_t stride;      ///< 2 halves the image
  std::int64_t groups = 1;  ///< of a bottleneck's 3x3 convolution
  Shortcut shortcut = Shortcut::kConvolution;
};

/// Two 3x3 convolutions around which the input is added (He et al. 2015, figure 5 left).
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
class BasicBlock : public torch::nn::Module, public HasConvNorms {
 public:
  explicit BasicBlock(const BlockPlace& place);
  torch::Tensor forward(const torch::Tensor& x);
  std::vector<ConvNormPair> conv_norms() override;

  /// Makes its last batch norm start with weight 0, so that the block is its shortcut (Goyal et al. 2017,
  /// arXiv:1706.02677, section 5.1).
  void start_as_shortcut();

 private:
  torch::nn::Conv2d conv1_, conv2_;
  torch::nn::BatchNorm2d bn1_, bn2_;
  torch::nn::Sequential downsample_{nullptr};  ///< only where the shape changes
};

/// 1x1 to the width, 3x3, 1x1 to the output's channels (figure 5 right). The stride is the 3x3's, as in torchvision
/// ("ResNet v1.5"); so are the groups (Xie et al. 2016, arXiv:1611.05431, figure 3c).
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
class Bottleneck : public torch::nn::Module, public HasConvNorms {
 public:
  explicit Bottleneck(const BlockPlace& place);
  torch::Tensor forward(const torch::Tensor& x);
  std::vector<ConvNormPair> conv_norms() override;

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

}  // namespace margay::model
