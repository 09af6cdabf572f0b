#include "margay/model/backbone/mobilenet.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/backbone/layers.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/network_draws.h"

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
class BlockImpl : public torch::nn::Module, public DescribedLayer {
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
    conv_->push_back(SyncedNorm2d(options.out_channels));
    register_module("conv", conv_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = conv_(x);
    return is_residual_ ? y.add_(x) : y;
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId y = graph.layer(x, *conv_);
    return is_residual_ ? graph.step(op::Add{}, {y, x}, Storage::kOver) : y;
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
       {"classifier", NestedSequential(Dropout(0.2), make_published_linear(kFeatures, num_classes))}});
}

namespace {

constexpr std::int64_t kMobileNetV3Stem = 16;

/// What publishers do differently: torchvision has the paper's batch norms, timm's mobilenetv3_…_100 PyTorch's, and its
/// tf_mobilenetv3_…_100 TensorFlow's eps and padding with PyTorch's momentum (timm/models/mobilenetv3.py).
struct MobileNetV3Published {
  NormOptions norm;
  Padding padding;
};

MobileNetV3Published mobilenet_v3_by(Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::kTimm) return {{}, Padding::kEven};
  if (arithmetic == Arithmetic::kTensorFlow) return {{.eps = 1e-3}, Padding::kTensorFlow};
  return {{.eps = 1e-3, .momentum = 0.01}, Padding::kEven};
}

constexpr Activation kRe = Activation::kRelu;
constexpr Activation kHs = Activation::kHardswish;
enum class Squeeze { kNo, kYes };
constexpr Squeeze kNo = Squeeze::kNo;
constexpr Squeeze kSe = Squeeze::kYes;

/// A row of tables 1 and 2: kernel, expansion size, output channels, SE, non-linearity, stride.
struct SqueezedRow {
  std::int64_t kernel_px, expanded, channels;
  Squeeze squeeze;
  Activation activation;
  std::int64_t stride;
};

std::vector<SqueezedRow> rows_of(MobileNetV3Size size) {
  if (size == MobileNetV3Size::kSmall) {
    return {{3, 16, 16, kSe, kRe, 2},  {3, 72, 24, kNo, kRe, 2},  {3, 88, 24, kNo, kRe, 1},  {5, 96, 40, kSe, kHs, 2},
            {5, 240, 40, kSe, kHs, 1}, {5, 240, 40, kSe, kHs, 1}, {5, 120, 48, kSe, kHs, 1}, {5, 144, 48, kSe, kHs, 1},
            {5, 288, 96, kSe, kHs, 2}, {5, 576, 96, kSe, kHs, 1}, {5, 576, 96, kSe, kHs, 1}};
  }
  return {{3, 16, 16, kNo, kRe, 1},   {3, 64, 24, kNo, kRe, 2},   {3, 72, 24, kNo, kRe, 1},
          {5, 72, 40, kSe, kRe, 2},   {5, 120, 40, kSe, kRe, 1},  {5, 120, 40, kSe, kRe, 1},
          {3, 240, 80, kNo, kHs, 2},  {3, 200, 80, kNo, kHs, 1},  {3, 184, 80, kNo, kHs, 1},
          {3, 184, 80, kNo, kHs, 1},  {3, 480, 112, kSe, kHs, 1}, {3, 672, 112, kSe, kHs, 1},
          {5, 672, 160, kSe, kHs, 2}, {5, 960, 160, kSe, kHs, 1}, {5, 960, 160, kSe, kHs, 1}};
}

InvertedResidual make_squeezed_block(std::int64_t in_channels, const SqueezedRow& row,
                                     const MobileNetV3Published& published) {
  const bool is_squeezed = row.squeeze == Squeeze::kYes;
  return InvertedResidual(
      InvertedResidualOptions{.in_channels = in_channels,
                              .expanded = row.expanded,
                              .out_channels = row.channels,
                              .kernel_px = row.kernel_px,
                              .stride = row.stride,
                              .activation = row.activation,
                              .squeezed = is_squeezed ? round_channels(static_cast<double>(row.expanded) / 4) : 0,
                              .gate = Gate::kHardsigmoid,
                              .norm = published.norm,
                              .padding = published.padding});
}

}  // namespace

MobileNetV3::MobileNetV3(MobileNetV3Size size, const BackboneOptions& options)
    : hidden_(size == MobileNetV3Size::kSmall ? 1024 : 1280) {
  const MobileNetV3Published published = mobilenet_v3_by(options.arithmetic);
  append("stem", ConvNorm(ConvNormOptions{.in_channels = options.in_channels,
                                          .out_channels = kMobileNetV3Stem,
                                          .kernel_px = 3,
                                          .stride = 2,
                                          .activation = kHs,
                                          .norm = published.norm,
                                          .padding = published.padding}));
  std::int64_t channels = kMobileNetV3Stem;
  int number = 0;
  for (const SqueezedRow& row : rows_of(size)) {
    append(fmt::format("block{}", ++number), make_squeezed_block(channels, row, published));
    channels = row.channels;
  }
  append("last",
         ConvNorm(ConvNormOptions{
             .in_channels = channels, .out_channels = 6 * channels, .activation = kHs, .norm = published.norm}));
  set_features(6 * channels);
  set_pads_behind(published.padding == Padding::kTensorFlow);
  initialise_for_rectifiers(*this);
}

torch::nn::Sequential MobileNetV3::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential(
      {{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
       {"flatten", torch::nn::Flatten()},
       {"classifier", NestedSequential(make_published_linear(features(), hidden_), ActivationLayer(kHs), Dropout(0.2),
                                       make_published_linear(hidden_, num_classes))}});
}

}  // namespace margay::model
