#include "margay/model/backbone/conv_norm.h"

#include <utility>

#include <ATen/ops/clamp.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/silu.h>
#include <torch/nn/init.h>

#include "margay/model/fused/batch_norm.h"

namespace margay::model {
namespace {

/// LibTorch 1.13 has no backward pass of relu6 in bfloat16 on the CPU, but of clamp.
torch::Tensor rectify_to_six(torch::Tensor x) {
  if (x.device().is_cpu() && x.scalar_type() == torch::kBFloat16) return at::clamp(x, 0, 6);
  return at::relu6_(x);
}

torch::nn::Conv2d make_grouped_conv(const ConvNormOptions& options) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(options.in_channels, options.out_channels, options.kernel_px)
                               .stride(options.stride)
                               .padding(options.kernel_px / 2)
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
    case Activation::kHardswish:  // the gradients of this and the next need x: in place they would copy it
      return at::hardswish(x);
    case Activation::kSilu:
      return at::silu(x);
    default:
      return x;
  }
}

torch::nn::BatchNorm2d make_norm(std::int64_t channels, const NormOptions& options) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels).eps(options.eps).momentum(options.momentum));
}

ConvNormImpl::ConvNormImpl(const ConvNormOptions& options)
    : conv_(make_grouped_conv(options)),
      norm_(make_norm(options.out_channels, options.norm)),
      activation_(options.activation) {
  register_module("0", conv_);
  register_module("1", norm_);
}

torch::Tensor ConvNormImpl::forward(const torch::Tensor& x) {
  if (activation_ == Activation::kRelu) return batch_norm_relu(conv_(x), norm_);
  return activate(batch_norm(conv_(x), norm_), activation_);
}

void initialise_for_rectifiers(torch::nn::Module& module) {
  for (const auto& each : module.modules(/*include_self=*/false)) {
    auto* conv = each->as<torch::nn::Conv2d>();
    if (conv == nullptr) continue;
    torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
    if (conv->bias.defined()) torch::nn::init::zeros_(conv->bias);
  }
}

}  // namespace margay::model
