#include "margay/model/backbone/squeeze_excitation.h"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/sigmoid.h>

namespace margay::model {

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

}  // namespace margay::model
