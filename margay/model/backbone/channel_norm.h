#pragma once

#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

namespace margay::model {

/// Layer norm over the channels of every pixel (ConvNeXt, arXiv:2201.03545, section 2.6). A permuted view of a
/// channels-last map is what LibTorch normalises without a copy.
class ChannelNormImpl : public torch::nn::LayerNormImpl {
 public:
  ChannelNormImpl(std::int64_t channels, double eps)
      : torch::nn::LayerNormImpl(torch::nn::LayerNormOptions({channels}).eps(eps)) {}

  /// x: float [N,C,H,W]. Returns the same shape, channels-last, in the dtype of the parameters: under autocast LibTorch
  /// 1.13 does not normalise bfloat16 with float parameters on the CPU.
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor pixels = x.permute({0, 2, 3, 1}).to(weight.scalar_type());  // [N,H,W,C]
    return torch::nn::LayerNormImpl::forward(pixels).permute({0, 3, 1, 2});
  }
};
TORCH_MODULE(ChannelNorm);

}  // namespace margay::model
