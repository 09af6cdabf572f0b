#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

#include "margay/model/conv_norm_pair.h"

namespace margay::model {

/// Batch norm, 1x1 convolution to four times the growth, batch norm, 3x3 convolution to the growth: a layer of
/// "DenseNet-B" (Huang et al. 2016, section 3). [N,in_channels,H,W] -> [N,growth,H,W].
class DenseLayer : public torch::nn::Module, public HasConvNorms {
 public:
  DenseLayer(std::int64_t in_channels, std::int64_t growth);
  torch::Tensor forward(const torch::Tensor& x);
  std::vector<ConvNormPair> conv_norms() override { return {{conv1_, norm2_}}; }

 private:
  torch::nn::BatchNorm2d norm1_, norm2_;
  torch::nn::Conv2d conv1_, conv2_;
};

/// Layers of which each sees what all before it have found (section 3, "dense connectivity").
/// [N,in_channels,H,W] -> [N,in_channels+layers*growth,H,W]: the input first.
class DenseBlock : public torch::nn::Module {
 public:
  DenseBlock(std::int64_t in_channels, std::int64_t layers, std::int64_t growth);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::vector<std::shared_ptr<DenseLayer>> layers_;
};

/// Between two blocks: batch norm, 1x1 convolution to half of the channels, 2x2 mean pooling, which rounds down.
/// [N,in_channels,H,W] -> [N,in_channels/2,H/2,W/2].
class DenseTransition : public torch::nn::Module {
 public:
  explicit DenseTransition(std::int64_t in_channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::BatchNorm2d norm_;
  torch::nn::Conv2d conv_;
};

}  // namespace margay::model
