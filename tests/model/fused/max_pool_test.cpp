#include "margay/model/fused/max_pool.h"

#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden_tensor.h"
#include "tests/support/simd_targets.h"

namespace margay::model {
namespace {

using testing_support::expect_near;

constexpr auto kPoolChannelsLast = torch::MemoryFormat::ChannelsLast;

/// Whole numbers and zeros, as after ReLU: full of ties.
torch::Tensor pooled_images(const std::vector<std::int64_t>& shape, torch::ScalarType type) {
  torch::manual_seed(1);
  return torch::randint(-3, 4, shape).relu().to(type).contiguous(kPoolChannelsLast);
}

torch::Tensor by_operator(const torch::Tensor& x) { return torch::max_pool2d(x, 3, 2, 1); }

std::pair<torch::Tensor, torch::Tensor> value_and_gradient(torch::Tensor (*pool)(const torch::Tensor&),
                                                           const torch::Tensor& image) {
  const torch::Tensor x = image.detach().clone(torch::MemoryFormat::Preserve).requires_grad_();
  const torch::Tensor y = pool(x);
  torch::manual_seed(2);
  y.backward(torch::randint(-8, 9, y.sizes()).to(y.scalar_type()).contiguous(kPoolChannelsLast));
  return {y.detach(), x.grad()};
}

TEST(MaxPool, GivesTheOperatorsBits) {
  testing_support::for_each_simd_target([] {
    for (const std::vector<std::int64_t>& shape : std::vector<std::vector<std::int64_t>>{
             {2, 32, 8, 8}, {2, 5, 7, 9}, {1, 1, 1, 1}, {1, 17, 2, 1}, {3, 40, 1, 6}}) {
      for (const auto type : {torch::kFloat, torch::kBFloat16}) {
        SCOPED_TRACE(testing::Message() << torch::IntArrayRef(shape) << type);
        const auto [expected, expected_gradient] = value_and_gradient(by_operator, pooled_images(shape, type));
        const auto [y, gradient] = value_and_gradient(max_pool_3x3, pooled_images(shape, type));
        EXPECT_TRUE(y.equal(expected));
        EXPECT_TRUE(gradient.equal(expected_gradient));
        EXPECT_TRUE(y.is_contiguous(kPoolChannelsLast));
        const torch::NoGradGuard no_grad;
        EXPECT_TRUE(max_pool_3x3(pooled_images(shape, type)).equal(expected));
      }
    }
  });
}

TEST(MaxPool, TakesNaNForLargest) {
  torch::Tensor x = pooled_images({1, 3, 5, 5}, torch::kFloat);
  x[0][1][2][2] = std::numeric_limits<float>::quiet_NaN();
  const torch::Tensor isnan = max_pool_3x3(x).isnan();
  EXPECT_TRUE(isnan.equal(by_operator(x).isnan()));
  EXPECT_TRUE(isnan.any().item<bool>());
}

TEST(MaxPool, TakesNothingButMinusInfinity) {
  const torch::Tensor x =
      torch::full({1, 2, 4, 4}, -std::numeric_limits<float>::infinity()).contiguous(kPoolChannelsLast);
  EXPECT_TRUE(max_pool_3x3(x).equal(by_operator(x)));
}

TEST(MaxPool, HasTheOperatorsGradientsOfGradients) {
  const auto second_gradient = [](torch::Tensor (*pool)(const torch::Tensor&)) {
    const torch::Tensor x = pooled_images({2, 3, 6, 7}, torch::kFloat).requires_grad_();
    const torch::Tensor loss = pool(x).pow(3).sum();
    const auto first = torch::autograd::grad({loss}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true);
    return torch::autograd::grad({first[0].pow(2).sum()}, {x})[0];
  };
  expect_near(second_gradient(max_pool_3x3), second_gradient(by_operator), 1e-6);
}

TEST(MaxPool, LeavesOtherTensorsToTheOperator) {
  const torch::Tensor x = pooled_images({2, 3, 6, 6}, torch::kDouble);
  EXPECT_TRUE(max_pool_3x3(x).equal(by_operator(x)));
  const torch::Tensor contiguous = pooled_images({2, 3, 6, 6}, torch::kFloat).contiguous();
  EXPECT_TRUE(max_pool_3x3(contiguous).equal(by_operator(contiguous)));
}

}  // namespace
}  // namespace margay::model
