#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

namespace margay::testing_support {

/// Numbers in [-1, 1) that a hash of name and position gives: float of this shape. tools/torchvision_oracle.py makes
/// the same ones, so golden values need no weights beside them.
inline torch::Tensor formula_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::uint32_t seed = 2166136261U;
  for (const char byte : name) seed = (seed ^ static_cast<unsigned char>(byte)) * 16777619U;
  torch::Tensor values = torch::empty(shape);
  auto* value = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    std::uint32_t x = static_cast<std::uint32_t>(i) * 0x9E3779B9U + seed;
    x = (x ^ x >> 16) * 0x7FEB352DU;
    x = (x ^ x >> 15) * 0x846CA68BU;
    x ^= x >> 16;
    value[i] = static_cast<float>(x / 2147483648.0 - 1.0);
  }
  return values;
}

/// What the oracle puts into the tensor of this published name: near what trained networks have. Whole numbers: zeros.
inline torch::Tensor formula_state(const std::string& name, const std::vector<std::int64_t>& shape) {
  if (name.ends_with("num_batches_tracked")) return torch::zeros(shape, torch::kLong);
  const torch::Tensor u = formula_tensor(name, shape);
  if (name.ends_with("running_var")) return 1 + 0.5 * u.abs();
  if (!name.ends_with("weight")) return 0.1 * u;
  if (shape.size() == 1) return 1 + 0.1 * u;
  return u * static_cast<float>(std::sqrt(3.0 * static_cast<double>(shape[0]) / static_cast<double>(u.numel())));
}

}  // namespace margay::testing_support
