#include "margay/model/backbone/mobilenet_v2.h"

#include <array>
#include <string>

#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/conv_norm.h"
#include "margay/model/backbone/published_linear.h"

namespace margay::model {
namespace {

constexpr std::int64_t kMobileNetV2Stem = 32;
constexpr std::int64_t kFeatures = 1280;

/// A row of table 2: t, c, n and s.
struct InvertedRow {
  std::int64_t expansion, channels, blocks, stride;
};
constexpr std::array<InvertedRow, 7> kInvertedRows{
    {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};

struct BlockOptions {
  std::int64_t in_channels, out_channels, stride, expansion;
};

/// Table 1: a 1x1 convolution widens, a depthwise 3x3 filters, another 1x1 narrows and is not rectified.
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const BlockOptions& options)
      : is_residual_(options.stride == 1 && options.in_channels == options.out_channels) {
    const std::int64_t width = options.in_channels * options.expansion;
    if (options.expansion != 1) {
      conv_->push_back(ConvNorm(ConvNormOptions{
          .in_channels = options.in_channels, .out_channels = width, .activation = Activation::kRelu6}));
    }
    conv_->push_back(ConvNorm(ConvNormOptions{.in_channels = width,
                                              .out_channels = width,
                                              .kernel_px = 3,
                                              .stride = options.stride,
                                              .groups = width,
                                              .activation = Activation::kRelu6}));
    conv_->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(width, options.out_channels, 1).bias(false)));
    conv_->push_back(torch::nn::BatchNorm2d(options.out_channels));
    register_module("conv", conv_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = conv_(x);
    return is_residual_ ? y.add_(x) : y;
  }

 private:
  bool is_residual_;
  NestedSequential conv_;
};
TORCH_MODULE(Block);

}  // namespace

MobileNetV2::MobileNetV2(const BackboneOptions& options) {
  append("stem", ConvNorm(ConvNormOptions{.in_channels = options.in_channels,
                                          .out_channels = kMobileNetV2Stem,
                                          .kernel_px = 3,
                                          .stride = 2,
                                          .activation = Activation::kRelu6}));
  std::int64_t channels = kMobileNetV2Stem;
  int number = 0;
  for (const InvertedRow& row : kInvertedRows) {
    for (std::int64_t i = 0; i < row.blocks; ++i) {
      append(fmt::format("block{}", ++number),
             Block(BlockOptions{channels, row.channels, i == 0 ? row.stride : 1, row.expansion}));
      channels = row.channels;
    }
  }
  append("last", ConvNorm(ConvNormOptions{
                     .in_channels = channels, .out_channels = kFeatures, .activation = Activation::kRelu6}));
  set_features(kFeatures);
  initialise_for_rectifiers(*this);
}

torch::nn::Sequential MobileNetV2::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential(
      {{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
       {"flatten", torch::nn::Flatten()},
       {"classifier", NestedSequential(torch::nn::Dropout(0.2), make_published_linear(kFeatures, num_classes))}});
}

}  // namespace margay::model
