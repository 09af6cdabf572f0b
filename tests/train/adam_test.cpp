#include "margay/train/optim/adam.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "tests/support/golden_tensor.h"

namespace margay::train {
namespace {

model::ParameterGroup group_of(std::vector<torch::Tensor> tensors, bool is_norm_or_bias = false) {
  model::ParameterGroup group{"all", {}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    group.parameters.push_back({"p" + std::to_string(i), tensors[i].requires_grad_(), is_norm_or_bias, false});
  }
  return group;
}

void expect_close(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance) << actual << "\nexpected\n" << expected;
}

void expect_golden_steps(const std::string& key, const AdamOptions& options, double momentum) {
  const auto golden = testing_support::golden("optimizers.json")[key];
  std::vector<torch::Tensor> parameters;
  for (const auto& init : golden["init"]) parameters.push_back(testing_support::tensor_of(init));
  Adam adam({group_of(parameters)}, options);
  for (std::size_t step = 0; step < golden["grads"].size(); ++step) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters[i].mutable_grad() = testing_support::tensor_of(golden["grads"][step][i]);
    }
    adam.step({{0.1}, momentum});
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      expect_close(parameters[i].detach(), testing_support::tensor_of(golden["params_after"][step][i]), 2e-6);
    }
  }
}

TEST(Adam, MakesFastaisSteps) {
  MARGAY_REQUIRE_GOLDEN("optimizers.json");
  expect_golden_steps("Adam lr.1 defaults(mom.9 sqr.99 eps1e-5 wd.01)", {}, 0.9);
  expect_golden_steps("Adam lr.1 wd.1 mom.95", {.wd = 0.1}, 0.95);
}

TEST(Adam, ArrivesAtTheMinimumOfABowl) {
  torch::Tensor x = torch::tensor({3.0F, -2.0F});
  Adam adam({group_of({x})}, {.wd = 0});
  for (int i = 0; i < 400; ++i) {
    (x - torch::tensor({1.0F, 1.0F})).square().sum().backward();
    adam.step({{0.1}, 0.9});
    adam.zero_grad();
  }
  expect_close(x.detach(), torch::ones({2}), 1e-2);
}

TEST(Adam, DoesNotDecayNormsAndBiases) {
  torch::Tensor norm = torch::ones({3});
  Adam adam({group_of({norm}, true)}, {.wd = 0.5});
  norm.mutable_grad() = torch::zeros({3});
  adam.step({{0.1}, 0.9});
  expect_close(norm.detach(), torch::ones({3}), 0);
}

TEST(Adam, LeavesFrozenParametersAlone) {
  torch::Tensor frozen = torch::ones({3});
  Adam adam({group_of({frozen})}, {});
  frozen.requires_grad_(false);
  adam.step({{0.1}, 0.9});
  expect_close(frozen, torch::ones({3}), 0);
  EXPECT_TRUE(adam.state().empty());
}

TEST(Adam, OneTensorPassEqualsTheOperators) {
  torch::manual_seed(0);
  const torch::Tensor start = torch::randn({8, 4, 3, 3});
  torch::Tensor channels_last = start.clone(torch::MemoryFormat::ChannelsLast);
  torch::Tensor expected = start.to(torch::kDouble);
  Adam fused({group_of({channels_last})}, {});
  Adam operators({group_of({expected})}, {});  // double goes through LibTorch's operators
  for (int i = 0; i < 3; ++i) {
    const torch::Tensor gradient = torch::randn({8, 4, 3, 3});
    channels_last.mutable_grad() = gradient;
    expected.mutable_grad() = gradient.to(torch::kDouble);
    fused.step({{1e-2}, 0.9});
    operators.step({{1e-2}, 0.9});
  }
  expect_close(channels_last.detach(), expected.detach(), 1e-6);
}

TEST(Adam, RemembersThroughItsState) {
  torch::Tensor a = torch::ones({4});
  torch::Tensor b = torch::ones({4});
  Adam first({group_of({a})}, {});
  a.mutable_grad() = torch::full({4}, 0.5F);
  first.step({{0.1}, 0.9});
  Adam second({group_of({b})}, {});
  second.load_state(first.state(), "memory");
  EXPECT_TRUE(second.state().at("p0.avg").equal(first.state().at("p0.avg")));
  EXPECT_EQ(second.state().at("p0.steps").item<int>(), 1);
  EXPECT_THROW(second.load_state({{"q.avg", a}}, "memory"), core::FormatError);
}

TEST(Adam, RefusesRatesForAnotherNumberOfGroups) {
  Adam adam({group_of({torch::ones({1})})}, {});
  EXPECT_THROW(adam.step({{0.1, 0.2}, 0.9}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
