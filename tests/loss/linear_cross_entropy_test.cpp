#include "margay/loss/linear_cross_entropy.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::thrown_message;

struct Inputs {
  torch::Tensor features;
  torch::Tensor weight;
  torch::Tensor bias;
  torch::Tensor targets;
};

/// Logits of 9 MB in float32, so that chunks of 1 MiB are several.
Inputs inputs(torch::ScalarType type) {
  torch::manual_seed(5);
  Inputs all{torch::randn({150, 8}), torch::randn({15000, 8}) * 0.3, torch::randn({15000}),
             torch::randint(15000, {150}, torch::kLong)};
  all.targets[3] = -100;
  for (torch::Tensor* each : {&all.features, &all.weight, &all.bias}) *each = each->to(type).requires_grad_();
  return all;
}

struct LinearResult {
  torch::Tensor loss;
  std::vector<torch::Tensor> gradients;
};

LinearResult result_of(const torch::Tensor& loss, const Inputs& in) {
  const torch::Tensor upstream = torch::linspace(0.5, 2, loss.numel(), loss.options()).view(loss.sizes());
  return {loss.detach(), torch::autograd::grad({loss}, {in.features, in.weight, in.bias}, {upstream})};
}

void expect_same(const LinearResult& actual, const LinearResult& expected, double tolerance) {
  const auto difference = [](const torch::Tensor& a, const torch::Tensor& b) {
    return ((a - b).abs().max() / (1e-30 + b.abs().max())).item<double>();
  };
  EXPECT_LE(difference(actual.loss, expected.loss), tolerance);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(actual.gradients[i].scalar_type(), expected.gradients[i].scalar_type());
    EXPECT_LE(difference(actual.gradients[i], expected.gradients[i]), tolerance) << "by input " << i;
  }
}

TEST(LinearCrossEntropy, IsCrossEntropyOfALinearLayer) {
  for (const auto& [type, tolerance] : {std::pair{torch::kDouble, 1e-12}, std::pair{torch::kFloat, 1e-5}}) {
    const Inputs in = inputs(type);
    for (const auto reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
      const CrossEntropyOptions loss{.reduction = reduction, .label_smoothing = 0.1};
      const torch::Tensor whole = cross_entropy(torch::addmm(in.bias, in.features, in.weight.t()), in.targets, loss);
      const torch::Tensor chunked =
          linear_cross_entropy(in.features, in.weight, in.bias, in.targets, {.cross_entropy = loss, .chunk_mb = 1});
      expect_same(result_of(chunked, in), result_of(whole, in), tolerance);
    }
  }
}

TEST(LinearCrossEntropy, BFloat16AddsItsGradientsUpInFloat32) {
  const Inputs in = inputs(torch::kBFloat16);
  const LinearResult chunked =
      result_of(linear_cross_entropy(in.features, in.weight, in.bias, in.targets, {.chunk_mb = 1}), in);
  Inputs exact = in;
  for (torch::Tensor* each : {&exact.features, &exact.weight, &exact.bias})
    *each = each->detach().to(torch::kDouble).requires_grad_();
  const LinearResult whole =
      result_of(cross_entropy(torch::addmm(exact.bias, exact.features, exact.weight.t()), exact.targets), exact);
  EXPECT_NEAR(chunked.loss.item<double>(), whole.loss.item<double>(), 2e-2);
  const torch::Tensor error = (chunked.gradients[1].to(torch::kDouble) - whole.gradients[1]).abs().max();
  EXPECT_LE((error / whole.gradients[1].abs().max()).item<double>(), 2e-2);
}

TEST(LinearCrossEntropy, NeedsNoBiasAndNoGradients) {
  const Inputs in = inputs(torch::kFloat);
  const torch::Tensor expected = cross_entropy(in.features.mm(in.weight.t()), in.targets);
  const torch::NoGradGuard no_grad;
  const torch::Tensor loss = linear_cross_entropy(in.features, in.weight, {}, in.targets, {.chunk_mb = 1});
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-5);
}

TEST(LinearCrossEntropy, GradientsAreOnlyMadeForWhatWantsThem) {
  Inputs in = inputs(torch::kFloat);
  const torch::Tensor frozen = in.weight.detach();
  linear_cross_entropy(in.features, frozen, {}, in.targets).backward();
  EXPECT_TRUE(in.features.grad().defined());
  EXPECT_FALSE(frozen.grad().defined());
}

TEST(LinearCrossEntropy, BackwardTwiceGivesTheSameGradientsTwice) {
  const Inputs in = inputs(torch::kFloat);
  const torch::Tensor loss = linear_cross_entropy(in.features, in.weight, in.bias, in.targets);
  const torch::Tensor once = torch::autograd::grad({loss * 2}, {in.weight}, {}, true)[0];
  EXPECT_TRUE(torch::allclose(torch::autograd::grad({loss * 2}, {in.weight}, {}, true)[0], once, 1e-5, 1e-9));
}

TEST(LinearCrossEntropy, TakesSoftTargets) {
  const Inputs in = inputs(torch::kFloat);
  const torch::Tensor soft = torch::softmax(torch::randn({150, 15000}), 1);
  const torch::Tensor whole = cross_entropy(torch::addmm(in.bias, in.features, in.weight.t()), soft);
  EXPECT_NEAR(linear_cross_entropy(in.features, in.weight, in.bias, soft, {.chunk_mb = 1}).item<double>(),
              whole.item<double>(), 1e-5);
}

TEST(LinearCrossEntropy, SaysThatItHasNoSecondDerivative) {
  const Inputs in = inputs(torch::kFloat);
  const torch::Tensor loss = linear_cross_entropy(in.features, in.weight, in.bias, in.targets);
  const std::string message = thrown_message<std::invalid_argument>(
      [&] { torch::autograd::grad({loss}, {in.features}, {}, true, /*create_graph=*/true); });
  EXPECT_NE(message.find("use cross_entropy(torch::linear("), std::string::npos) << message;
}

TEST(LinearCrossEntropy, SaysThatItGivesTargetsNoGradient) {
  const torch::Tensor soft = torch::full({2, 5}, 0.2).requires_grad_();
  const auto call = [&] { linear_cross_entropy(torch::zeros({2, 4}), torch::zeros({5, 4}), {}, soft); };
  EXPECT_NE(thrown_message<std::invalid_argument>(call).find("gives targets no gradient"), std::string::npos);
}

TEST(LinearCrossEntropy, SaysWhichShapesItExpected) {
  const auto call = [] {
    linear_cross_entropy(torch::zeros({2, 3}), torch::zeros({5, 4}), {}, torch::zeros({2}, torch::kLong));
  };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call),
            "[linear_cross_entropy] features must be floating [N,D], weight [K,D] and bias [K] or undefined, got "
            "[2,3], [5,4] "
            "and [undefined]");
  const auto wrong_target = [] {
    linear_cross_entropy(torch::zeros({2, 4}), torch::zeros({5, 4}), {}, torch::full({2}, 5, torch::kLong));
  };
  EXPECT_EQ(thrown_message<std::invalid_argument>(wrong_target),
            "[linear_cross_entropy] target 5 at position 0 is no class index; 5 classes allow 0 to 4");
}

}  // namespace
}  // namespace margay::loss
