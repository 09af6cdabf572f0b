#include "margay/model/backbone/convnext.h"

#include <memory>
#include <numeric>

#include <ATen/ops/full.h>
#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/fused/activations.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/packed_convolution.h"

namespace margay::model {
namespace {

constexpr double kBlockNormEps = 1e-6;
constexpr double kFirstScale = 1e-6;
constexpr std::int64_t kKernelPx = 7;
constexpr std::int64_t kConvNextExpansion = 4;

}  // namespace

ValueId ChannelNormImpl::describe(GraphBuilder& graph, ValueId x) {
  const ValueId pixels = graph.permute(x, {0, 2, 3, 1});  // [N,H,W,C]
  return graph.permute(graph.layer_norm(pixels, *this), {0, 3, 1, 2});
}

ConvNextBlockImpl::ConvNextBlockImpl(std::int64_t channels, double drop)
    : depthwise_(torch::nn::Conv2dOptions(channels, channels, kKernelPx).padding(kKernelPx / 2).groups(channels)),
      norm_(channels, kBlockNormEps),
      widen_(channels, kConvNextExpansion * channels),
      narrow_(kConvNextExpansion * channels, channels),
      depth_(drop) {
  layer_scale_ = register_parameter("layer_scale", at::full({channels, 1, 1}, kFirstScale));
  const auto block = register_module("block", std::make_shared<torch::nn::Module>());
  block->register_module("0", depthwise_);
  block->register_module("2", norm_);
  block->register_module("3", widen_);
  block->register_module("5", narrow_);
  register_module("stochastic_depth", depth_);
}

torch::Tensor ConvNextBlockImpl::forward(const torch::Tensor& x) {
  torch::Tensor y = norm_(convolve(depthwise_, x)).permute({0, 2, 3, 1});  // [N,H,W,C]
  y = narrow_(apply_gelu(widen_(y))).permute({0, 3, 1, 2});                // [N,C,H,W]
  return depth_(layer_scale_ * y).add_(x);
}

ValueId ConvNextBlockImpl::describe(GraphBuilder& graph, ValueId x) {
  ValueId y = graph.layer(graph.layer(x, *depthwise_), *norm_);
  y = graph.layer(graph.permute(y, {0, 2, 3, 1}), *widen_);  // [N,H,W,C]
  y = graph.layer(graph.activation(y, op::Activation::Function::kGelu), *narrow_);
  y = graph.step(op::Multiply{}, {graph.parameter(*this, "layer_scale"), graph.permute(y, {0, 3, 1, 2})});
  return graph.step(op::Add{}, {graph.layer(y, *depth_), x}, Storage::kOver);
}

namespace {

constexpr double kNormEps = 1e-6;
constexpr std::int64_t kPatchPx = 4;

/// A convolution without overlap. [N,in_channels,H,W] -> [N,out_channels,H/px,W/px], rounded down.
torch::nn::Conv2d make_convnext_patches(std::int64_t in_channels, std::int64_t out_channels, std::int64_t px) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in_channels, out_channels, px).stride(px));
}

/// The paper cuts the normal distribution at ±2, which is a hundred deviations: no value ever lies outside.
void initialise(const torch::Tensor& weight, torch::Tensor& bias) {
  constexpr double kStd = 0.02;
  torch::nn::init::normal_(weight, 0, kStd);
  torch::nn::init::zeros_(bias);
}

void initialise_layers(torch::nn::Module& module) {
  for (const auto& each : module.modules(/*include_self=*/false)) {
    if (auto* conv = each->as<torch::nn::Conv2d>()) initialise(conv->weight, conv->bias);
    if (auto* linear = each->as<torch::nn::Linear>()) initialise(linear->weight, linear->bias);
  }
}

}  // namespace

ConvNext::ConvNext(const ConvNextShape& shape, const BackboneOptions& options) {
  std::int64_t channels = shape.width;
  append("stem", NestedSequential(make_convnext_patches(options.in_channels, channels, kPatchPx),
                                  ChannelNorm(channels, kNormEps)));
  const std::int64_t last = std::accumulate(shape.blocks.begin(), shape.blocks.end(), std::int64_t{-1});
  std::int64_t number = 0;
  for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
    if (i > 0) {
      append(fmt::format("downsample{}", i + 1),
             NestedSequential(ChannelNorm(channels, kNormEps), make_convnext_patches(channels, 2 * channels, 2)));
      channels *= 2;
    }
    NestedSequential stage;
    for (std::int64_t j = 0; j < shape.blocks[i]; ++j) {
      const double drop = shape.max_drop * static_cast<double>(number++) / static_cast<double>(last);
      stage->push_back(ConvNextBlock(channels, drop));
    }
    append_blocks(fmt::format("stage{}", i + 1), stage);
  }
  set_features(channels);
  initialise_layers(*this);
}

torch::nn::Sequential ConvNext::make_published_head(std::int64_t num_classes) const {
  torch::nn::Linear linear(features(), num_classes);
  initialise(linear->weight, linear->bias);
  return torch::nn::Sequential(
      {{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
       {"classifier", NestedSequential(ChannelNorm(features(), kNormEps), torch::nn::Flatten(), linear)}});
}

}  // namespace margay::model
