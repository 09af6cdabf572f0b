#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/loss/reduction.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/tensor_near.h"

namespace margay::testing_support {

constexpr double kFloatRounding = 1e-6;

using ReducedLoss =
    std::function<torch::Tensor(const torch::Tensor& logits, const torch::Tensor& targets, loss::Reduction reduction)>;

/// Expects a loss to have the value (mean, sum, none) and gradient (mean) that losses.json holds under `key`.
inline void expect_golden_loss(const std::string& key, torch::ScalarType target_type, const ReducedLoss& loss) {
  SCOPED_TRACE(key);
  const auto expected = golden("losses.json")[key];
  const torch::Tensor logits = tensor_of(expected["x"]).requires_grad_();
  const torch::Tensor targets = tensor_of(expected["y"]).to(target_type);
  const torch::Tensor mean = loss(logits, targets, loss::Reduction::kMean);
  expect_near(mean, tensor_of(expected["mean"]), kFloatRounding);
  expect_near(loss(logits, targets, loss::Reduction::kSum), tensor_of(expected["sum"]), kFloatRounding);
  const torch::Tensor rows = loss(logits, targets, loss::Reduction::kNone);
  expect_near(rows, tensor_of(expected["none"]).reshape(rows.sizes()), kFloatRounding);
  mean.backward();
  expect_near(logits.grad(), tensor_of(expected["grad_mean"]), kFloatRounding);
}

}  // namespace margay::testing_support
