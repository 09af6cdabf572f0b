#pragma once

#include <cstdint>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

namespace margay::model {

/// Where a residual block stands in its network.
struct BlockPlace {
  std::int64_t in_channels;
  std::int64_t width;   ///< of its 3x3 convolutions
  std::int64_t stride;  ///< 2 halves the picture
};

/// Two 3x3 convolutions around which the input is added (He et al. 2015, figure 5 left).
/// [N,in_channels,H,W] -> [N,width,H/stride,W/stride].
class BasicBlock : public torch::nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 1;
  explicit BasicBlock(const BlockPlace& place);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv1_, conv2_;
  torch::nn::BatchNorm2d bn1_, bn2_;
  torch::nn::Sequential downsample_{nullptr};  ///< only where the shape changes
};

/// 1x1 to the width, 3x3, 1x1 to four times the width (figure 5 right). The stride is the 3x3's, as in
/// torchvision ("ResNet v1.5"). [N,in_channels,H,W] -> [N,4*width,H/stride,W/stride].
class Bottleneck : public torch::nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 4;
  explicit Bottleneck(const BlockPlace& place);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv1_, conv2_, conv3_;
  torch::nn::BatchNorm2d bn1_, bn2_, bn3_;
  torch::nn::Sequential downsample_{nullptr};
};

/// A convolution without bias that keeps the picture's size at stride 1. kernel_px is odd.
torch::nn::Conv2d make_conv(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_px,
                            std::int64_t stride = 1);

}  // namespace margay::model
