#pragma once

#include <torch/nn/module.h>

#include "margay/model/precision.h"

namespace margay::model {

/// Stores weights and biases of convolutions and linear layers in the type in which Autocast(precision) computes with
/// them, once, where it would convert them again for every batch. Results under it stay the same bits. For inference
/// only: training needs them in float32. precision: as resolve_precision gives it; kFp32 changes nothing.
void store_weights_in(torch::nn::Module& module, Precision precision);

}  // namespace margay::model
