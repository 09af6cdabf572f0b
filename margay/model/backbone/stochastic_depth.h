#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ops/empty.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace margay::model {

/// Drops a residual branch for whole images while training, and makes the others larger so that the mean stays: Huang
/// et al., "Deep Networks with Stochastic Depth", arXiv:1603.09382; an image's own draw as in torchvision's mode
/// "row".
class StochasticDepthImpl : public torch::nn::Module {
 public:
  /// p: how often a branch is dropped, 0 … 1.
  explicit StochasticDepthImpl(double p) : p_(p) {}

  /// x: float [N,…]. Returns the same shape; in eval mode x itself.
  torch::Tensor forward(const torch::Tensor& x) const {
    if (!is_training() || p_ == 0) return x;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[0] = x.size(0);
    const torch::Tensor kept = at::empty(shape, x.options()).bernoulli_(1 - p_);
    return p_ < 1 ? x * kept.div_(1 - p_) : x * kept;
  }

  double p() const { return p_; }
  void set_p(double p) { p_ = p; }

 private:
  double p_;
};
TORCH_MODULE(StochasticDepth);

}  // namespace margay::model
