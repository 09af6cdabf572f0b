#pragma once

#include <set>
#include <string>
#include <string_view>

#include <torch/nn/module.h>

#include "margay/model/backbone/backbone.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// Parameters and buffers by name: the module's own, not copies.
TensorMap state_of(const torch::nn::Module& module);

/// What the head that is published with the backbone calls its tensors. Random generators stay as they are.
std::set<std::string> published_head_names(const Backbone& backbone);

/// Whether a batch norm counts its batches in the tensor of that name, which no result depends on.
inline bool is_counter(std::string_view name) { return name.ends_with(".num_batches_tracked"); }

}  // namespace margay::model
