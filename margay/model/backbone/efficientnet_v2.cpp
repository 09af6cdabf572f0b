#include "margay/model/backbone/efficientnet.h"

#include <array>

#include <fmt/format.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/network_draws.h"

namespace margay::model {
namespace {

constexpr double kMaxDropOfV2 = 0.2;
constexpr std::int64_t kStemOfV2 = 24;
constexpr std::int64_t kFeaturesOfV2 = 1280;

/// A row of table 4; the first three are Fused-MBConv.
struct V2Row {
  std::int64_t expansion, stride, channels, blocks;
};
constexpr std::array<V2Row, 6> kV2Rows{
    {{1, 1, 24, 2}, {4, 2, 48, 4}, {4, 2, 64, 4}, {4, 2, 128, 6}, {6, 1, 160, 9}, {6, 2, 256, 15}}};
constexpr std::size_t kFusedStages = 3;

struct V2Block {
  std::int64_t in_channels, out_channels, expansion, stride;
  double drop;
  NormOptions norm;
  Padding padding;
};

/// Figure 2, right: a 3x3 convolution widens, a 1x1 narrows; without expansion the 3x3 alone. Layers "block.0",
/// "block.1". [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
class FusedInvertedResidualImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit FusedInvertedResidualImpl(const V2Block& block)
      : is_residual_(block.stride == 1 && block.in_channels == block.out_channels), depth_(block.drop) {
    const std::int64_t width = block.expansion == 1 ? block.out_channels : block.in_channels * block.expansion;
    block_->push_back(ConvNorm(ConvNormOptions{.in_channels = block.in_channels,
                                               .out_channels = width,
                                               .kernel_px = 3,
                                               .stride = block.stride,
                                               .activation = Activation::kSilu,
                                               .norm = block.norm,
                                               .padding = block.padding}));
    if (block.expansion != 1) {
      block_->push_back(
          ConvNorm(ConvNormOptions{.in_channels = width, .out_channels = block.out_channels, .norm = block.norm}));
    }
    register_module("block", block_);
    register_module("stochastic_depth", depth_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = block_(x);
    return is_residual_ ? depth_(y) + x : y;  // SiLU's gradient may need y
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId y = graph.layer(x, *block_);
    return is_residual_ ? graph.step(op::Add{}, {graph.layer(y, *depth_), x}) : y;
  }

 private:
  bool is_residual_;
  NestedSequential block_;
  StochasticDepth depth_;
};
TORCH_MODULE(FusedInvertedResidual);

InvertedResidual make_v2_mbconv(const V2Block& block) {
  return InvertedResidual(InvertedResidualOptions{.in_channels = block.in_channels,
                                                  .expanded = block.in_channels * block.expansion,
                                                  .out_channels = block.out_channels,
                                                  .stride = block.stride,
                                                  .activation = Activation::kSilu,
                                                  .squeezed = block.in_channels / 4,
                                                  .squeeze_activation = Activation::kSilu,
                                                  .norm = block.norm,
                                                  .padding = block.padding,
                                                  .drop = block.drop});
}

double count_v2_blocks() {
  std::int64_t blocks = 0;
  for (const V2Row& row : kV2Rows) blocks += row.blocks;
  return static_cast<double>(blocks);
}

}  // namespace

/// torchvision's batch norms have TensorFlow's eps, as have timm's tf_efficientnetv2_s; only these pad as TensorFlow.
EfficientNetV2::EfficientNetV2(const BackboneOptions& options) : EfficientNetStack(0.2) {
  const NormOptions norm{.eps = 1e-3};
  const Padding padding = options.arithmetic == Arithmetic::kTensorFlow ? Padding::kTensorFlow : Padding::kEven;
  append("stem", ConvNorm(ConvNormOptions{.in_channels = options.in_channels,
                                          .out_channels = kStemOfV2,
                                          .kernel_px = 3,
                                          .stride = 2,
                                          .activation = Activation::kSilu,
                                          .norm = norm,
                                          .padding = padding}));
  const double step = kMaxDropOfV2 / count_v2_blocks();
  V2Block block{.in_channels = kStemOfV2,
                .out_channels = 0,
                .expansion = 1,
                .stride = 1,
                .drop = 0,
                .norm = norm,
                .padding = padding};
  for (std::size_t i = 0; i < kV2Rows.size(); ++i) {
    NestedSequential stage;
    block.out_channels = kV2Rows[i].channels;
    block.expansion = kV2Rows[i].expansion;
    for (std::int64_t j = 0; j < kV2Rows[i].blocks; ++j) {
      block.stride = j == 0 ? kV2Rows[i].stride : 1;
      if (i < kFusedStages) {
        stage->push_back(FusedInvertedResidual(block));
      } else {
        stage->push_back(make_v2_mbconv(block));
      }
      block.in_channels = block.out_channels;
      block.drop += step;
    }
    append_blocks(fmt::format("stage{}", i + 1), stage);
  }
  append("last", ConvNorm(ConvNormOptions{.in_channels = block.in_channels,
                                          .out_channels = kFeaturesOfV2,
                                          .activation = Activation::kSilu,
                                          .norm = norm}));
  set_features(kFeaturesOfV2);
  set_pads_behind(padding == Padding::kTensorFlow);
  initialise_for_rectifiers(*this);
}

}  // namespace margay::model
