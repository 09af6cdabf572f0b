#pragma once

#include <cstdint>

#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>

namespace margay::model {

/// A linear layer as the classifiers of VGG and MobileNets begin in torchvision: normal with .01, biases 0.
inline torch::nn::Linear make_published_linear(std::int64_t inputs, std::int64_t outputs) {
  torch::nn::Linear linear(inputs, outputs);
  torch::nn::init::normal_(linear->weight, 0, 0.01);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

}  // namespace margay::model
