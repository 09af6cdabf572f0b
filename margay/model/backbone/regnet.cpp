#include "margay/model/backbone/regnet.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/graph/graph_builder.h"

namespace margay::model {
namespace {

constexpr std::int64_t kRegNetStem = 32;
constexpr std::int64_t kWidthStep = 8;

/// Halves to even, as NumPy and PyTorch.
std::int64_t rounded(double x) { return static_cast<std::int64_t>(std::nearbyint(x)); }

/// The nearest multiple, at least one and not more than a tenth below: torchvision's _make_divisible.
std::int64_t nearest_multiple(std::int64_t width, std::int64_t step) {
  const std::int64_t nearest = std::max(step, (width + step / 2) / step * step);
  return static_cast<double>(nearest) < 0.9 * static_cast<double>(width) ? nearest + step : nearest;
}

struct RegNetBlockOptions {
  std::int64_t in_channels, width, stride, group_width;
};

/// Figure 4 with squeeze-and-excitation: 1x1, grouped 3x3, reweighting, 1x1, each with a batch norm; added to the
/// input, or to a projection of it where shapes differ ("proj"), and rectified. Layers "f.a", "f.b", "f.se", "f.c".
/// [N,in_channels,H,W] -> [N,width,H/stride,W/stride].
class RegNetBlockImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit RegNetBlockImpl(const RegNetBlockOptions& options) {
    constexpr double kSqueezedShare = 0.25;
    if (options.in_channels != options.width || options.stride != 1) {
      proj_ = register_module(
          "proj", ConvNorm(ConvNormOptions{
                      .in_channels = options.in_channels, .out_channels = options.width, .stride = options.stride}));
    }
    f_->push_back(
        "a", ConvNorm(ConvNormOptions{
                 .in_channels = options.in_channels, .out_channels = options.width, .activation = Activation::kRelu}));
    f_->push_back("b", ConvNorm(ConvNormOptions{.in_channels = options.width,
                                                .out_channels = options.width,
                                                .kernel_px = 3,
                                                .stride = options.stride,
                                                .groups = options.width / options.group_width,
                                                .activation = Activation::kRelu}));
    f_->push_back("se", SqueezeExcitation(SqueezeExcitationOptions{
                            .channels = options.width,
                            .squeezed = rounded(kSqueezedShare * static_cast<double>(options.in_channels))}));
    f_->push_back("c", ConvNorm(ConvNormOptions{.in_channels = options.width, .out_channels = options.width}));
    register_module("f", f_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor shortcut = proj_ ? proj_(x) : x;
    return f_(x).add_(shortcut).relu_();
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId shortcut = proj_ ? graph.layer(x, *proj_) : x;
    return graph.relu(graph.step(op::Add{}, {graph.layer(x, *f_), shortcut}, Storage::kOver));
  }

 private:
  ConvNorm proj_{nullptr};
  NestedSequential f_;
};
TORCH_MODULE(RegNetBlock);

}  // namespace

std::vector<RegNetStage> regnet_stages(const RegNetShape& shape) {
  std::vector<RegNetStage> stages;
  for (std::int64_t j = 0; j < shape.depth; ++j) {
    const double first = static_cast<double>(shape.first_width);
    const double linear = first + shape.slope * static_cast<double>(j);  // equation 2
    const auto exponent = static_cast<double>(rounded(std::log(linear / first) / std::log(shape.factor)));  // 3
    const double quantised = first * std::pow(shape.factor, exponent);                                      // 4
    const std::int64_t width = rounded(quantised / kWidthStep) * kWidthStep;
    if (stages.empty() || stages.back().width != width) stages.push_back({width, 0, shape.group_width});
    ++stages.back().blocks;
  }
  for (RegNetStage& stage : stages) {
    stage.group_width = std::min(stage.group_width, stage.width);
    stage.width = nearest_multiple(stage.width, stage.group_width);
  }
  return stages;
}

RegNet::RegNet(const RegNetShape& shape, const BackboneOptions& options) : FeatureStack(Names::kOwn) {
  append_at("stem", ConvNorm(ConvNormOptions{.in_channels = options.in_channels,
                                             .out_channels = kRegNetStem,
                                             .kernel_px = 3,
                                             .stride = 2,
                                             .activation = Activation::kRelu}));
  std::int64_t channels = kRegNetStem;
  int number = 0;
  for (const RegNetStage& stage : regnet_stages(shape)) {
    NestedSequential blocks;
    const std::string name = fmt::format("block{}", ++number);
    for (std::int64_t i = 0; i < stage.blocks; ++i) {
      blocks->push_back(fmt::format("{}-{}", name, i),
                        RegNetBlock(RegNetBlockOptions{channels, stage.width, i == 0 ? 2 : 1, stage.group_width}));
      channels = stage.width;
    }
    append_blocks_at("trunk_output." + name, blocks);
  }
  set_features(channels);
  initialise_for_rectifiers(*this);
}

torch::nn::Sequential RegNet::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential({{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
                                {"flatten", torch::nn::Flatten()},
                                {"fc", make_published_linear(features(), num_classes)}});
}

}  // namespace margay::model
