#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"

namespace margay::testing_support {

/// Same shape, and no element further off than `tolerance` · (1 + the largest expected magnitude). NaN is never near.
inline void expect_near(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  if (expected.numel() == 0) return;
  const torch::Tensor a = actual.detach().to(torch::kDouble);
  const torch::Tensor e = expected.detach().to(torch::kDouble);
  const double scale = 1 + e.abs().max().item<double>();
  EXPECT_LE((a - e).abs().max().item<double>(), tolerance * scale) << actual << "\nexpected\n" << expected;
}

inline bool all_finite(const torch::Tensor& tensor) { return tensor.isfinite().all().item<bool>(); }

/// Nested lists of numbers as a float32 tensor of their shape.
inline torch::Tensor tensor_of(const nlohmann::json& json) {
  if (json.is_number()) return torch::tensor(json.get<float>());
  std::vector<torch::Tensor> rows;
  for (const auto& each : json) rows.push_back(tensor_of(each));
  return torch::stack(rows);
}

}  // namespace margay::testing_support
