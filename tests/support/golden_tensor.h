#pragma once

#include <torch/types.h>

#include "tests/support/golden.h"

namespace margay::testing_support {

/// Nested lists of numbers as a float32 tensor of their shape.
inline torch::Tensor tensor_of(const nlohmann::json& json) {
  if (json.is_number()) return torch::tensor(json.get<float>());
  std::vector<torch::Tensor> rows;
  for (const auto& each : json) rows.push_back(tensor_of(each));
  return torch::stack(rows);
}

}  // namespace margay::testing_support
