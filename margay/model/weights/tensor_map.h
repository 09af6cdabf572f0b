#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

namespace margay::model {

/// Tensors by name, in the order of their names.
using TensorMap = std::map<std::string, at::Tensor>;

}  // namespace margay::model
