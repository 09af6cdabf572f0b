#pragma once

#include <cstddef>

#include <torch/nn/modules/container/sequential.h>

#include "margay/model/gradient_checkpointing.h"

namespace margay::model {

/// The layers [begin, end) of a Sequential, which it shares. The first of them must not work in place.
Segment slice_layers(const torch::nn::Sequential& layers, std::size_t begin, std::size_t end);

}  // namespace margay::model
