#pragma once

#include <torch/nn/modules/activation.h>

namespace margay::model {

/// max(x, 0), in place: what comes before must not need its output for the backward pass, as convolutions, linear
/// layers and batch norms do not.
inline torch::nn::ReLU make_rectifier() { return torch::nn::ReLU(torch::nn::ReLUOptions(true)); }

}  // namespace margay::model
