#include "margay/model/backbone/inverted_residual.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/sigmoid.h>
#include <torch/nn/init.h>

#include "margay/model/fused/activations.h"
#include "margay/model/fused/batch_norm.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/packed_convolution.h"

namespace margay::model {
namespace {

/// LibTorch 1.13 has no backward pass of relu6 in bfloat16 on the CPU, but of clamp.
torch::Tensor rectify_to_six(torch::Tensor x) {
  if (x.device().is_cpu() && x.scalar_type() == torch::kBFloat16) return at::clamp(x, 0, 6);
  return at::relu6_(x);
}

bool pads_unevenly(const ConvNormOptions& options) {
  return options.padding == Padding::kTensorFlow && options.stride > 1;
}

torch::nn::Conv2d make_grouped_conv(const ConvNormOptions& options) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(options.in_channels, options.out_channels, options.kernel_px)
                               .stride(options.stride)
                               .padding(pads_unevenly(options) ? 0 : options.kernel_px / 2)
                               .groups(options.groups)
                               .bias(false));
}

}  // namespace

torch::Tensor activate(torch::Tensor x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return x.relu_();
    case Activation::kRelu6:
      return rectify_to_six(std::move(x));
    case Activation::kHardswish:  // its gradient needs x: in place it would be copied
      return at::hardswish(x);
    case Activation::kSilu:
      return apply_silu(std::move(x));
    case Activation::kGelu:
      return apply_gelu(std::move(x));
    default:
      return x;
  }
}

namespace {

/// As activate.
ValueId describe_activation(GraphBuilder& graph, ValueId x, Activation activation) {
  using Function = op::Activation::Function;
  switch (activation) {
    case Activation::kRelu:
      return graph.relu(x);
    case Activation::kRelu6:
      return graph.step(op::Activation{Function::kRelu6}, {x}, Storage::kOver);
    case Activation::kHardswish:
      return graph.activation(x, Function::kHardswish);
    case Activation::kSilu:
      return graph.activation(x, Function::kSilu);
    case Activation::kGelu:
      return graph.activation(x, Function::kGelu);
    default:
      return x;
  }
}

}  // namespace

ValueId ActivationLayerImpl::describe(GraphBuilder& graph, ValueId x) {
  return describe_activation(graph, x, activation_);
}

torch::nn::BatchNorm2d make_norm(std::int64_t channels, const NormOptions& options) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels).eps(options.eps).momentum(options.momentum));
}

std::pair<std::int64_t, std::int64_t> same_padding(std::int64_t size, std::int64_t kernel_px, std::int64_t stride) {
  const std::int64_t results = (size + stride - 1) / stride;
  const std::int64_t missing = std::max<std::int64_t>((results - 1) * stride + kernel_px - size, 0);
  return {missing / 2, missing - missing / 2};
}

ConvNormImpl::ConvNormImpl(const ConvNormOptions& options)
    : conv_(make_grouped_conv(options)),
      norm_(make_norm(options.out_channels, options.norm)),
      activation_(options.activation),
      kernel_px_(options.kernel_px),
      stride_(options.stride),
      pads_itself_(pads_unevenly(options)) {
  register_module(options.conv_name, conv_);
  register_module(options.norm_name, norm_);
}

torch::Tensor ConvNormImpl::forward(const torch::Tensor& x) {
  torch::Tensor y = convolve(conv_, pads_itself_ ? padded(x) : x);
  if (activation_ == Activation::kRelu) return batch_norm_relu(std::move(y), norm_);
  return activate(batch_norm(std::move(y), norm_), activation_);
}

ValueId ConvNormImpl::describe(GraphBuilder& graph, ValueId x) {
  const ValueId y = graph.convolution(pads_itself_ ? describe_padding(graph, x) : x, conv_);
  if (activation_ == Activation::kRelu) return graph.batch_norm_relu(y, norm_);
  return describe_activation(graph, graph.batch_norm(y, norm_), activation_);
}

ValueId ConvNormImpl::describe_padding(GraphBuilder& graph, ValueId x) const {
  const auto [above, below] = same_padding(graph.size(x, 2), kernel_px_, stride_);
  const auto [left, right] = same_padding(graph.size(x, 3), kernel_px_, stride_);
  return graph.step(op::Pad{.before = {0, 0, above, left}, .behind = {0, 0, below, right}}, {x});
}

torch::Tensor ConvNormImpl::padded(const torch::Tensor& x) const {
  const auto [above, below] = same_padding(x.size(2), kernel_px_, stride_);
  const auto [left, right] = same_padding(x.size(3), kernel_px_, stride_);
  return at::constant_pad_nd(x, {left, right, above, below}).contiguous(x.suggest_memory_format());
}

void initialise_for_rectifiers(torch::nn::Module& module) {
  for (const auto& each : module.modules(/*include_self=*/false)) {
    auto* conv = each->as<torch::nn::Conv2d>();
    if (conv == nullptr) continue;
    torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
    if (conv->bias.defined()) torch::nn::init::zeros_(conv->bias);
  }
}

SqueezeExcitationImpl::SqueezeExcitationImpl(const SqueezeExcitationOptions& options)
    : fc1_(torch::nn::Conv2dOptions(options.channels, options.squeezed, 1)),
      fc2_(torch::nn::Conv2dOptions(options.squeezed, options.channels, 1)),
      activation_(options.activation),
      gate_(options.gate) {
  register_module("fc1", fc1_);
  register_module("fc2", fc2_);
}

torch::Tensor SqueezeExcitationImpl::forward(const torch::Tensor& x) {
  const torch::Tensor squeezed = at::adaptive_avg_pool2d(x, {1, 1});             // [N,C,1,1]
  const torch::Tensor excitation = fc2_(activate(fc1_(squeezed), activation_));  // [N,C,1,1]
  return x * (gate_ == Gate::kSigmoid ? at::sigmoid(excitation) : at::hardsigmoid(excitation));
}

ValueId SqueezeExcitationImpl::describe(GraphBuilder& graph, ValueId x) {
  using Function = op::Activation::Function;
  const ValueId squeezed =
      describe_activation(graph, graph.layer(graph.step(op::AdaptivePool{}, {x}), *fc1_), activation_);
  const ValueId excitation = graph.layer(squeezed, *fc2_);
  const Function gate = gate_ == Gate::kSigmoid ? Function::kSigmoid : Function::kHardsigmoid;
  return graph.step(op::Multiply{}, {x, graph.activation(excitation, gate)});
}

namespace {

ConvNormOptions depthwise(const InvertedResidualOptions& options) {
  return {.in_channels = options.expanded,
          .out_channels = options.expanded,
          .kernel_px = options.kernel_px,
          .stride = options.stride,
          .groups = options.expanded,
          .activation = options.activation,
          .norm = options.norm,
          .padding = options.padding};
}

SqueezeExcitationOptions squeeze(const InvertedResidualOptions& options) {
  return {.channels = options.expanded,
          .squeezed = options.squeezed,
          .activation = options.squeeze_activation,
          .gate = options.gate};
}

ConvNormOptions widen(const InvertedResidualOptions& options) {
  return {.in_channels = options.in_channels,
          .out_channels = options.expanded,
          .activation = options.activation,
          .norm = options.norm};
}

ConvNormOptions narrow(const InvertedResidualOptions& options) {
  return {.in_channels = options.expanded, .out_channels = options.out_channels, .norm = options.norm};
}

NestedSequential make_block(const InvertedResidualOptions& options) {
  NestedSequential block;
  if (options.expanded != options.in_channels) block->push_back(ConvNorm(widen(options)));
  block->push_back(ConvNorm(depthwise(options)));
  if (options.squeezed > 0) block->push_back(SqueezeExcitation(squeeze(options)));
  block->push_back(ConvNorm(narrow(options)));
  return block;
}

}  // namespace

InvertedResidualImpl::InvertedResidualImpl(const InvertedResidualOptions& options)
    : is_residual_(options.stride == 1 && options.in_channels == options.out_channels),
      block_(make_block(options)),
      depth_(options.drop) {
  register_module("block", block_);
  register_module("stochastic_depth", depth_);
}

torch::Tensor InvertedResidualImpl::forward(const torch::Tensor& x) {
  const torch::Tensor y = block_(x);
  return is_residual_ ? depth_(y).add_(x) : y;
}

ValueId InvertedResidualImpl::describe(GraphBuilder& graph, ValueId x) {
  const ValueId y = graph.layer(x, *block_);
  return is_residual_ ? graph.step(op::Add{}, {graph.layer(y, *depth_), x}, Storage::kOver) : y;
}

}  // namespace margay::model
