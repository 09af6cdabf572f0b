#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <torch/nn/init.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "margay/model/gradient_checkpointing.h"
#include "margay/model/graph/layer.h"
#include "margay/model/network_draws.h"

namespace margay::model {

/// max(x, 0), in place: the layer before it must not need its output for the backward pass; convolutions, linear layers
/// and batch norms do not.
inline torch::nn::ReLU make_rectifier() { return torch::nn::ReLU(torch::nn::ReLUOptions(true)); }

/// A Sequential that can be a layer of another, so that a head can have a name like "classifier.6.weight". LibTorch's
/// own cannot, because its forward is a template.
class NestedSequentialImpl : public torch::nn::SequentialImpl {
 public:
  using SequentialImpl::SequentialImpl;
  torch::Tensor forward(torch::Tensor x) { return SequentialImpl::forward(std::move(x)); }
};
TORCH_MODULE(NestedSequential);

/// A linear layer initialised as in torchvision's classifiers of VGG and MobileNets: normal with .01, biases 0.
inline torch::nn::Linear make_published_linear(std::int64_t inputs, std::int64_t outputs) {
  torch::nn::Linear linear(inputs, outputs);
  torch::nn::init::normal_(linear->weight, 0, 0.01);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

/// A linear layer initialised as torchvision's EfficientNets and timm's Google networks: uniform between the roots of
/// 1 / outputs, biases 0.
inline torch::nn::Linear make_uniform_linear(std::int64_t inputs, std::int64_t outputs) {
  torch::nn::Linear linear(inputs, outputs);
  const double range = 1 / std::sqrt(static_cast<double>(outputs));
  torch::nn::init::uniform_(linear->weight, -range, range);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

/// Drops a residual branch for whole images during training, and scales up the others so that the mean stays the same:
/// Huang et al., "Deep Networks with Stochastic Depth", arXiv:1603.09382; drawn for each image, as in torchvision's
/// mode "row".
class StochasticDepthImpl : public torch::nn::Module, public DescribedLayer {
 public:
  /// p: how often a branch is dropped, 0 … 1.
  explicit StochasticDepthImpl(double p) : p_(p) {}

  /// x: float [N,…]. Returns the same shape; in eval mode x itself.
  torch::Tensor forward(const torch::Tensor& x) const {
    if (!is_training() || p_ == 0) return x;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[0] = x.size(0);
    const torch::Tensor kept = at::empty(shape, x.options()).bernoulli_(1 - p_, drawing_argument());
    return p_ < 1 ? x * kept.div_(1 - p_) : x * kept;
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override;

  double p() const { return p_; }
  void set_p(double p) { p_ = p; }

 private:
  double p_;
};
TORCH_MODULE(StochasticDepth);

/// The layers [begin, end) of a Sequential, shared with it. The first of them must not work in place.
Segment slice_layers(const torch::nn::Sequential& layers, std::size_t begin, std::size_t end);

}  // namespace margay::model
