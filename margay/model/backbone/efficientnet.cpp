#include "margay/model/backbone/efficientnet.h"

#include <array>
#include <cmath>
#include <string>

#include <fmt/format.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/network_draws.h"

namespace margay::model {
namespace {

constexpr double kMaxDrop = 0.2;
constexpr double kEfficientNetStem = 32;

/// A row of table 1, of B0.
struct MBConvRow {
  std::int64_t expansion, kernel_px, stride, channels, blocks;
};
constexpr std::array<MBConvRow, 7> kMBConvRows{{{1, 3, 1, 16, 1},
                                                {6, 3, 2, 24, 2},
                                                {6, 5, 2, 40, 2},
                                                {6, 3, 2, 80, 3},
                                                {6, 5, 1, 112, 3},
                                                {6, 5, 2, 192, 4},
                                                {6, 3, 1, 320, 1}}};

std::int64_t scaled_blocks(const MBConvRow& row, double depth) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(row.blocks) * depth));
}

std::int64_t scaled_channels(double channels, double width) { return round_channels(channels * width); }

double count_blocks(double depth) {
  std::int64_t blocks = 0;
  for (const MBConvRow& row : kMBConvRows) blocks += scaled_blocks(row, depth);
  return static_cast<double>(blocks);
}

/// What publishers do differently. TensorFlow's numbers: timm's tf_efficientnet_…, which set eps and padding but leave
/// PyTorch's momentum (timm/models/efficientnet.py).
struct NormAndPadding {
  NormOptions norm;
  Padding padding;
};

NormAndPadding published_by(Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::kTensorFlow) return {{.eps = 1e-3}, Padding::kTensorFlow};
  return {{}, Padding::kEven};
}

/// The squeeze is a quarter of what comes in, not of what it is expanded to.
InvertedResidualOptions mbconv(const MBConvRow& row, std::int64_t in_channels, std::int64_t out_channels,
                               const NormAndPadding& published) {
  return {.in_channels = in_channels,
          .expanded = in_channels * row.expansion,
          .out_channels = out_channels,
          .kernel_px = row.kernel_px,
          .stride = row.stride,
          .activation = Activation::kSilu,
          .squeezed = in_channels / 4,
          .squeeze_activation = Activation::kSilu,
          .norm = published.norm,
          .padding = published.padding};
}

/// drop of the first block, and how much every later one has more.
struct Drops {
  double first, step;
};

/// The first block changes channels and size, the others keep both.
NestedSequential make_stage(InvertedResidualOptions block, std::int64_t blocks, const MBConvRow& row,
                            const Drops& drops) {
  NestedSequential stage;
  for (std::int64_t i = 0; i < blocks; ++i) {
    block.drop = drops.first + drops.step * static_cast<double>(i);
    stage->push_back(InvertedResidual(block));
    block = mbconv(row, block.out_channels, block.out_channels, {block.norm, block.padding});
    block.stride = 1;
  }
  return stage;
}

}  // namespace

torch::nn::Sequential EfficientNetStack::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential(
      {{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
       {"flatten", torch::nn::Flatten()},
       {"classifier", NestedSequential(Dropout(dropout_), make_uniform_linear(features(), num_classes))}});
}

EfficientNet::EfficientNet(const EfficientNetScale& scale, const BackboneOptions& options)
    : EfficientNetStack(scale.dropout) {
  const NormAndPadding published = published_by(options.arithmetic);
  std::int64_t channels = scaled_channels(kEfficientNetStem, scale.width);
  append("stem", ConvNorm(ConvNormOptions{.in_channels = options.in_channels,
                                          .out_channels = channels,
                                          .kernel_px = 3,
                                          .stride = 2,
                                          .activation = Activation::kSilu,
                                          .norm = published.norm,
                                          .padding = published.padding}));
  const double step = kMaxDrop / count_blocks(scale.depth);
  double drop = 0;
  int number = 0;
  for (const MBConvRow& row : kMBConvRows) {
    const std::int64_t out_channels = scaled_channels(static_cast<double>(row.channels), scale.width);
    const std::int64_t blocks = scaled_blocks(row, scale.depth);
    append_blocks(fmt::format("stage{}", ++number),
                  make_stage(mbconv(row, channels, out_channels, published), blocks, row, {drop, step}));
    drop += step * static_cast<double>(blocks);
    channels = out_channels;
  }
  append("last", ConvNorm(ConvNormOptions{.in_channels = channels,
                                          .out_channels = 4 * channels,
                                          .activation = Activation::kSilu,
                                          .norm = published.norm}));
  set_features(4 * channels);
  set_pads_behind(published.padding == Padding::kTensorFlow);
  initialise_for_rectifiers(*this);
}

}  // namespace margay::model
