#include "margay/model/backbone/dense_block.h"

#include <string>

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>

#include "margay/model/backbone/residual_block.h"
#include "margay/model/fused/batch_norm.h"

namespace margay::model {
namespace {

constexpr std::int64_t kBottleneck = 4;  // widths of the 3x3 convolution's input, in growths

}  // namespace

DenseLayer::DenseLayer(std::int64_t in_channels, std::int64_t growth)
    : norm1_(in_channels),
      norm2_(kBottleneck * growth),
      conv1_(make_conv(in_channels, kBottleneck * growth, 1)),
      conv2_(make_conv(kBottleneck * growth, growth, 3)) {
  register_module("norm1", norm1_);
  register_module("conv1", conv1_);
  register_module("norm2", norm2_);
  register_module("conv2", conv2_);
}

torch::Tensor DenseLayer::forward(const torch::Tensor& x) {
  return conv2_(batch_norm_relu(conv1_(batch_norm_relu(x, norm1_)), norm2_));
}

DenseBlock::DenseBlock(std::int64_t in_channels, std::int64_t layers, std::int64_t growth) {
  for (std::int64_t i = 0; i < layers; ++i) {
    layers_.push_back(std::make_shared<DenseLayer>(in_channels + i * growth, growth));
    register_module("denselayer" + std::to_string(i + 1), layers_.back());
  }
}

torch::Tensor DenseBlock::forward(const torch::Tensor& x) {
  torch::Tensor found = x;
  for (const std::shared_ptr<DenseLayer>& layer : layers_) found = at::cat({found, layer->forward(found)}, 1);
  return found;
}

DenseTransition::DenseTransition(std::int64_t in_channels)
    : norm_(in_channels), conv_(make_conv(in_channels, in_channels / 2, 1)) {
  register_module("norm", norm_);
  register_module("conv", conv_);
}

torch::Tensor DenseTransition::forward(const torch::Tensor& x) {
  return at::avg_pool2d(conv_(batch_norm_relu(x, norm_)), {2, 2}, {2, 2});
}

}  // namespace margay::model
