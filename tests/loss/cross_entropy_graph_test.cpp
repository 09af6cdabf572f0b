// cross_entropy in the autograd graph: derivatives of every order, used once and twice, and the logits' memory.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy.h"
#include "tests/support/gradient_check.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::expect_near;
using testing_support::thrown_message;

torch::Tensor graph_targets() { return torch::tensor({0, 3, -100, 1}, torch::kLong); }
torch::Tensor soft_targets() {
  torch::manual_seed(8);
  return loss::softmax(torch::randn({4, 5}, torch::kDouble));
}
torch::Tensor logits() {
  torch::manual_seed(9);
  return torch::randn({4, 5}, torch::kDouble) * 2;
}

std::vector<CrossEntropyOptions> every_option() {
  std::vector<CrossEntropyOptions> all;
  for (const auto reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
    all.push_back({.reduction = reduction});
    all.push_back({.reduction = reduction, .class_weights = {0.5, 1, 2, 3, 0}});
    all.push_back({.reduction = reduction, .label_smoothing = 0.2});
    all.push_back({.reduction = reduction, .class_weights = {0.5, 1, 2, 3, 1}, .label_smoothing = 0.2});
    all.push_back({.reduction = reduction,
                   .class_weights = {0.5, 1, 2, 3, 1},
                   .class_weighting = ClassWeighting::kPerClass,
                   .label_smoothing = 0.2});
    all.push_back({.reduction = reduction, .temperature = 2.5});
    all.push_back({.reduction = reduction, .class_weights = {0.5, 1, 2, 3, 1}, .z_loss = 0.3});
  }
  return all;
}

TEST(CrossEntropyGraph, FirstAndSecondDerivativesMatchFiniteDifferences) {
  for (const CrossEntropyOptions& options : every_option()) {
    SCOPED_TRACE(core::to_json(options).dump());
    for (const torch::Tensor& y : {graph_targets(), soft_targets()}) {
      const auto f = [&](const std::vector<torch::Tensor>& z) { return cross_entropy(z[0], y, options); };
      testing_support::gradient_check(f, {logits()});
      testing_support::second_gradient_check(f, {logits()});
    }
  }
}

TEST(CrossEntropyGraph, SoftTargetsHaveDerivativesToo) {
  const auto f = [](const std::vector<torch::Tensor>& x) {
    return cross_entropy(x[0], loss::softmax(x[1]), {.label_smoothing = 0.1});
  };
  testing_support::gradient_check(f, {logits(), logits().flip(0)});
  testing_support::second_gradient_check(f, {logits(), logits().flip(0)});
}

// The Hessian of one row is diag(p) - p pᵀ (Böhning, 1992).
TEST(CrossEntropyGraph, TheSecondDerivativeIsTheSoftmaxHessian) {
  const torch::Tensor z = logits().narrow(0, 0, 1).requires_grad_();
  const torch::Tensor gradient =
      torch::autograd::grad({cross_entropy(z, torch::tensor({2}, torch::kLong))}, {z}, {}, true, true)[0];
  const torch::Tensor p = loss::softmax(z.detach())[0];
  const torch::Tensor hessian = torch::diag(p) - torch::outer(p, p);
  for (std::int64_t k = 0; k < 5; ++k) {
    expect_near(torch::autograd::grad({gradient[0][k]}, {z}, {}, true)[0][0], hessian[k], 1e-12);
  }
}

TEST(CrossEntropyGraph, BackwardTwiceGivesTheSameGradientTwice) {
  for (const auto reduction : {Reduction::kMean, Reduction::kNone}) {
    const torch::Tensor z = logits().requires_grad_();
    const torch::Tensor loss = cross_entropy(z, graph_targets(), {.reduction = reduction}).sum();
    const torch::Tensor once = torch::autograd::grad({loss}, {z}, {}, true)[0];
    once.clone().mul_(7);
    expect_near(torch::autograd::grad({loss}, {z}, {}, true)[0], once, 1e-15);
  }
}

TEST(CrossEntropyGraph, WithoutRetainGraphASecondBackwardIsRefused) {
  const torch::Tensor z = logits().requires_grad_();
  const torch::Tensor loss = cross_entropy(z, graph_targets());
  loss.backward();
  EXPECT_THROW(loss.backward(), std::exception);
}

TEST(CrossEntropyGraph, TheUpstreamGradientScalesTheGradient) {
  const torch::Tensor z = logits().requires_grad_();
  const torch::Tensor once = torch::autograd::grad({cross_entropy(z, graph_targets())}, {z})[0];
  expect_near(torch::autograd::grad({cross_entropy(z, graph_targets()) * -3}, {z})[0], once * -3, 1e-15);
}

TEST(CrossEntropyGraph, WithoutGradModeNothingIsKept) {
  const torch::Tensor z = logits().requires_grad_();
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(cross_entropy(z, graph_targets()).requires_grad());
}

// A loss scale is there to lift small gradients above float16's 6e-8; they must not be rounded before it.
TEST(CrossEntropyGraph, ALossScaleSavesSmallGradientsOfFloat16) {
  torch::Tensor z = torch::zeros({1, 3}).to(torch::kHalf);
  z[0][0] = -20;  // p = 1e-9
  z.requires_grad_();
  (cross_entropy(z, torch::tensor({1}, torch::kLong)) * 65536).backward();
  EXPECT_NEAR(z.grad()[0][0].item<double>() / (65536 * std::exp(-20.0) / 2), 1, 2e-2);
}

TEST(CrossEntropyGraph, TheGradientMayTakeTheLogitsPlace) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor z = x * 1;
  const void* memory = z.data_ptr();
  const LossAndGradient expected = cross_entropy_with_gradient(x.detach(), graph_targets());
  const LossAndGradient both =
      cross_entropy_with_gradient(z.detach(), graph_targets(), {.gradient_place = GradientPlace::kOverLogits});
  EXPECT_EQ(both.gradient.data_ptr(), memory);
  EXPECT_TRUE(torch::equal(both.gradient, expected.gradient));
  const torch::Tensor fresh = x * 1;
  cross_entropy(fresh, graph_targets(), {.gradient_place = GradientPlace::kOverLogits}).backward();
  expect_near(x.grad(), expected.gradient, 1e-15);
}

TEST(CrossEntropyGraph, WhoStillNeedsOverwrittenLogitsFindsOut) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor z = x.exp();  // its backward needs its result
  const torch::Tensor loss = cross_entropy(z, graph_targets(), {.gradient_place = GradientPlace::kOverLogits});
  const std::string message = thrown_message<c10::Error>([&] { loss.backward(); });
  EXPECT_NE(message.find("modified by an inplace operation"), std::string::npos) << message;
}

TEST(CrossEntropyGraph, OverwritingWithoutAGraphIsNoticedToo) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor z = x.exp();
  const LossAndGradient both =
      cross_entropy_with_gradient(z, graph_targets(), {.gradient_place = GradientPlace::kOverLogits});
  EXPECT_FALSE(both.gradient.requires_grad());
  EXPECT_THROW(z.sum().backward(), c10::Error);
}

TEST(CrossEntropyGraph, WritingToOverwrittenLogitsBeforeBackwardIsNoticed) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor z = x * 1;
  const torch::Tensor loss = cross_entropy(z, graph_targets(), {.gradient_place = GradientPlace::kOverLogits});
  z.detach().mul_(2);
  const std::string message = thrown_message<std::invalid_argument>([&] { loss.backward(); });
  EXPECT_NE(message.find("written to between forward and backward"), std::string::npos) << message;
}

TEST(CrossEntropyGraph, OverwrittenLogitsAllowOneBackward) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor loss = cross_entropy(x * 1, graph_targets(), {.gradient_place = GradientPlace::kOverLogits});
  loss.backward({}, /*retain_graph=*/true);
  const std::string message = thrown_message<std::invalid_argument>([&] { loss.backward(); });
  EXPECT_NE(message.find("use gradient_place new"), std::string::npos) << message;
}

TEST(CrossEntropyGraph, OverwritingIsRefusedWhereItCannotBeDone) {
  const auto refused = [](const torch::Tensor& z, const CrossEntropyOptions& options, const torch::Tensor& y) {
    return thrown_message<std::invalid_argument>([&] { cross_entropy(z.requires_grad_(), y, options); });
  };
  CrossEntropyOptions over{.gradient_place = GradientPlace::kOverLogits};
  EXPECT_NE(refused(logits().to(torch::kHalf), over, graph_targets()).find("float16"), std::string::npos);
  EXPECT_NE(refused(logits().t().contiguous().t(), over, graph_targets()).find("contiguous"), std::string::npos);
  EXPECT_NE(refused(logits(), over, soft_targets().requires_grad_()).find("no gradient"), std::string::npos);
  over.reduction = Reduction::kNone;
  EXPECT_NE(refused(logits(), over, graph_targets()).find("mean or sum"), std::string::npos);
}

TEST(CrossEntropyGraph, TargetsChangedBeforeBackwardAreNoticed) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor y = graph_targets();
  const torch::Tensor losses = cross_entropy(x, y, {.reduction = Reduction::kNone});
  y.fill_(4);
  const std::string message = thrown_message<c10::Error>([&] { losses.sum().backward(); });
  EXPECT_NE(message.find("modified by an inplace operation"), std::string::npos) << message;
}

TEST(CrossEntropyGraph, OverwrittenLogitsAllowNoSecondDerivative) {
  const torch::Tensor x = logits().requires_grad_();
  const torch::Tensor loss = cross_entropy(x * 1, graph_targets(), {.gradient_place = GradientPlace::kOverLogits});
  const std::string message = thrown_message<std::invalid_argument>(
      [&] { torch::autograd::grad({loss}, {x}, {}, true, /*create_graph=*/true); });
  EXPECT_NE(message.find("use gradient_place new"), std::string::npos) << message;
}

}  // namespace
}  // namespace margay::loss
