#include "margay/model/backbone/convnext_block.h"

#include <memory>

#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>

namespace margay::model {
namespace {

constexpr double kBlockNormEps = 1e-6;
constexpr double kFirstScale = 1e-6;
constexpr std::int64_t kKernelPx = 7;
constexpr std::int64_t kConvNextExpansion = 4;

}  // namespace

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
  torch::Tensor y = norm_(depthwise_(x)).permute({0, 2, 3, 1});  // [N,H,W,C]
  y = narrow_(at::gelu(widen_(y))).permute({0, 3, 1, 2});        // [N,C,H,W]
  return depth_(layer_scale_ * y).add_(x);
}

}  // namespace margay::model
