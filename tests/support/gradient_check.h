#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include "tests/support/golden_tensor.h"

namespace margay::testing_support {

/// A function of float64 tensors, with a float64 tensor of any shape as its value.
using TensorFunction = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

namespace detail {

inline torch::Tensor random_direction(torch::IntArrayRef sizes, std::uint64_t seed) {
  return torch::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed), torch::kDouble);
}

/// One number that hangs on every element of f's value.
inline torch::Tensor projected(const TensorFunction& f, const std::vector<torch::Tensor>& inputs) {
  const torch::Tensor value = f(inputs);
  return (value * random_direction(value.sizes(), 1)).sum();
}

inline std::vector<torch::Tensor> leaves(const std::vector<torch::Tensor>& inputs) {
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& each : inputs) copies.push_back(each.detach().clone().requires_grad_());
  return copies;
}

inline double value_with_nudge(const TensorFunction& f, std::vector<torch::Tensor> inputs, std::size_t which,
                               std::int64_t element, double nudge) {
  inputs[which] = inputs[which].detach().clone(torch::MemoryFormat::Contiguous);
  inputs[which].view(-1)[element] += nudge;
  return projected(f, leaves(inputs)).item<double>();
}

/// Central differences by every element of one input.
inline torch::Tensor numeric_gradient(const TensorFunction& f, const std::vector<torch::Tensor>& inputs,
                                      std::size_t which) {
  constexpr double kStep = 1e-5;
  torch::Tensor gradient = torch::zeros(inputs[which].sizes(), torch::kDouble);
  for (std::int64_t i = 0; i < gradient.numel(); ++i) {
    const double rise = value_with_nudge(f, inputs, which, i, kStep) - value_with_nudge(f, inputs, which, i, -kStep);
    gradient.view(-1)[i] = rise / (2 * kStep);
  }
  return gradient;
}

}  // namespace detail

/// Expects autograd's gradient of f by each input to be that of central differences. Keep the inputs away from f's
/// kinks.
inline void gradient_check(const TensorFunction& f, const std::vector<torch::Tensor>& inputs, double tolerance = 1e-8) {
  const std::vector<torch::Tensor> x = detail::leaves(inputs);
  const auto gradients = torch::autograd::grad({detail::projected(f, x)}, x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    SCOPED_TRACE("by input " + std::to_string(i));
    expect_near(gradients[i], detail::numeric_gradient(f, inputs, i), tolerance);
  }
}

/// The same for the gradient of the gradient, projected on a random direction.
inline void second_gradient_check(const TensorFunction& f, const std::vector<torch::Tensor>& inputs,
                                  double tolerance = 1e-7) {
  const auto gradient_along_a_direction = [&f](const std::vector<torch::Tensor>& x) {
    const auto gradients = torch::autograd::grad({detail::projected(f, x)}, x, {}, /*retain_graph=*/true,
                                                 /*create_graph=*/true);
    torch::Tensor sum = torch::zeros({}, torch::kDouble);
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum = sum + (gradients[i] * detail::random_direction(x[i].sizes(), 2 + i)).sum();
    }
    return sum;
  };
  SCOPED_TRACE("second derivative");
  gradient_check(gradient_along_a_direction, inputs, tolerance);
}

}  // namespace margay::testing_support
