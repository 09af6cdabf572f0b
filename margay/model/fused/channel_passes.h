#pragma once

#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/model/fused/channel_kernel.h"

namespace margay::model::fused {

/// The passes that a batch norm makes over its tensors: float32 or bfloat16 [N,C,H,W] on the CPU, channels-last, all of
/// one type and shape; numbers of channels are [C].

/// Two numbers a channel.
struct ChannelPair {
  std::vector<double> first;
  std::vector<double> second;
};

/// Mean and biased variance of every channel. One read.
ChannelPair mean_and_variance(const torch::Tensor& x);

/// What a batch norm does to every channel: x · scale + shift.
struct Scaling {
  std::span<const float> scale;
  std::span<const float> shift;
};

/// y = f(x · scale + shift + residual), where f keeps everything or what is positive. residual may be undefined, y may
/// be x. One read of each, one write.
void normalise(const torch::Tensor& x, const torch::Tensor& residual, const Scaling& scaling, Kept kept,
               const torch::Tensor& y);

/// Σ g and Σ g (x - mean), g being the gradient of what is kept of x · scale + shift. One read of each.
ChannelPair gradient_sums(const torch::Tensor& gradient, const torch::Tensor& x, const Scaling& scaling, Kept kept,
                          std::span<const float> mean);

/// The same for g kept where y > 0, written to `masked`.
ChannelPair masked_gradient_sums(const torch::Tensor& gradient, const torch::Tensor& x, const torch::Tensor& y,
                                 std::span<const float> mean, const torch::Tensor& masked);

/// scale · g + slope · (x - mean) + shift
struct GradientScaling {
  std::vector<float> scale;
  std::vector<float> slope;
  std::vector<float> shift;
};

/// The gradient of x, for g as in gradient_sums. One read of each, one write.
void write_gradient(const torch::Tensor& gradient, const torch::Tensor& x, const Scaling& scaling, Kept kept,
                    const GradientScaling& gradient_scaling, std::span<const float> mean, const torch::Tensor& out);

}  // namespace margay::model::fused
