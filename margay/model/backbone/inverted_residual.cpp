#include "margay/model/backbone/inverted_residual.h"

namespace margay::model {
namespace {

ConvNormOptions depthwise(const InvertedResidualOptions& options) {
  return {.in_channels = options.expanded,
          .out_channels = options.expanded,
          .kernel_px = options.kernel_px,
          .stride = options.stride,
          .groups = options.expanded,
          .activation = options.activation,
          .norm = options.norm};
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

}  // namespace margay::model
