#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <torch/types.h>

#include "margay/loss/reduction.h"
#include "tests/support/golden_tensor.h"

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

// Inputs of losses, drawn by rapidcheck inside a property.

/// Logits and class indices.
struct ClassCase {
  torch::Tensor logits;   ///< float64 [N,K], or [N,K,d1]
  torch::Tensor targets;  ///< int64 [N], or [N,d1]
};

/// Logits and yes-no targets.
struct BinaryCase {
  torch::Tensor logits;  ///< float64 [N,K], or [N,K,d1]
  torch::Tensor hard;    ///< of their shape, float64, 0 or 1
  torch::Tensor soft;    ///< of their shape, float64, in [0, 1)
};

namespace detail {

inline at::Generator any_generator() {
  return at::make_generator<at::CPUGeneratorImpl>(*rc::gen::arbitrary<std::uint32_t>());
}

inline std::vector<std::int64_t> any_shape() {
  std::vector<std::int64_t> shape{*rc::gen::inRange<std::int64_t>(1, 6), *rc::gen::inRange<std::int64_t>(1, 9)};
  if (*rc::gen::arbitrary<bool>()) shape.push_back(*rc::gen::inRange<std::int64_t>(1, 4));
  return shape;
}

}  // namespace detail

/// float64 of any scale from nearly equal to saturated.
inline torch::Tensor any_logits(const std::vector<std::int64_t>& shape) {
  const double scale = *rc::gen::element(1e-3, 1.0, 30.0, 1e4);
  return torch::randn(shape, detail::any_generator(), torch::kDouble) * scale;
}

inline ClassCase any_class_case() {
  const std::vector<std::int64_t> shape = detail::any_shape();
  std::vector<std::int64_t> without_classes = shape;
  without_classes.erase(without_classes.begin() + 1);
  return {any_logits(shape), torch::randint(shape[1], without_classes, detail::any_generator(), torch::kLong)};
}

inline BinaryCase any_binary_case() {
  const std::vector<std::int64_t> shape = detail::any_shape();
  const torch::Tensor soft = torch::rand(shape, detail::any_generator(), torch::kDouble);
  return {any_logits(shape), soft.round(), soft};
}

/// One positive number per class.
inline std::vector<double> any_weights(std::int64_t count) {
  return *rc::gen::container<std::vector<double>>(static_cast<std::size_t>(count),
                                                  rc::gen::element(0.25, 1.0, 1.5, 7.0));
}

/// |actual - expected| ≤ tolerance · (1 + |expected|) everywhere.
inline bool all_near(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  return actual.sizes() == expected.sizes() && torch::allclose(actual, expected, tolerance, tolerance);
}

}  // namespace margay::testing_support
