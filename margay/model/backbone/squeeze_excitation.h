#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "margay/model/backbone/conv_norm.h"

namespace margay::model {

/// What turns the excitation into a factor of 0 … 1.
enum class Gate { kSigmoid, kHardsigmoid };

struct SqueezeExcitationOptions {
  std::int64_t channels;
  std::int64_t squeezed;  ///< channels between the two layers
  Activation activation = Activation::kRelu;
  Gate gate = Gate::kSigmoid;
};

/// Weighs every channel by what the means of all channels say: Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation
/// Networks", arXiv:1709.01507, equations 2 to 4. Layers "fc1" and "fc2". [N,C,H,W] -> the same.
class SqueezeExcitationImpl : public torch::nn::Module {
 public:
  explicit SqueezeExcitationImpl(const SqueezeExcitationOptions& options);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d fc1_, fc2_;
  Activation activation_;
  Gate gate_;
};
TORCH_MODULE(SqueezeExcitation);

}  // namespace margay::model
