#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/focal_loss.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_finite;
using testing_support::all_near;
using testing_support::expect_golden_loss;
using testing_support::expect_near;
using testing_support::thrown_message;

testing_support::ReducedLoss focal_with(FocalLossOptions options) {
  return [options](const torch::Tensor& logits, const torch::Tensor& targets, Reduction reduction) mutable {
    options.reduction = reduction;
    return focal_loss(logits, targets, options);
  };
}

TEST(FocalLoss, MatchesFastaisNumbers) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  for (const double gamma : {0, 1, 2, 5}) {
    expect_golden_loss(fmt::format("FocalLoss_gamma{}", gamma), torch::kLong, focal_with({.gamma = gamma}));
  }
  expect_golden_loss("FocalLossFlat", torch::kLong, focal_with({}));
}

TEST(FocalLoss, WeightsMultiplyRowsAndTheMeanDividesByTheirSum) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({4, 3}, torch::kDouble);
  const torch::Tensor targets = torch::tensor({2, 0, 0, 1});
  const torch::Tensor weights = torch::tensor({4.0, 1.0, 1.0, 0.5}, torch::kDouble);  // of 2, 0, 0, 1
  const torch::Tensor rows = focal_loss(logits, targets, {.reduction = Reduction::kNone}) * weights;
  const std::vector<double> class_weights{1, .5, 4};
  expect_near(focal_loss(logits, targets, {.class_weights = class_weights, .reduction = Reduction::kNone}), rows,
              1e-14);
  expect_near(focal_loss(logits, targets, {.class_weights = class_weights}), rows.sum() / 6.5, 1e-14);
}

RC_GTEST_PROP(FocalLoss, IsItsFormula, ()) {
  const auto any = testing_support::any_class_case();
  const auto gamma = *rc::gen::element(0.0, 0.5, 1.0, 2.0, 5.0);
  const torch::Tensor log_p = torch::log_softmax(any.logits, 1).gather(1, any.targets.unsqueeze(1)).squeeze(1);
  const torch::Tensor expected = (1 - log_p.exp()).pow(gamma) * log_p.neg();
  const torch::Tensor actual = focal_loss(any.logits, any.targets, {.gamma = gamma, .reduction = Reduction::kNone});
  RC_ASSERT(all_near(actual, expected, gamma < 1 ? 1e-7 : 1e-12));  // 1 - p is what loses digits here
}

RC_GTEST_PROP(FocalLoss, WithGammaZeroIsCrossEntropy, ()) {
  const auto any = testing_support::any_class_case();
  const std::vector<double> weights = testing_support::any_weights(any.logits.size(1));
  const std::int64_t ignored = *rc::gen::inRange<std::int64_t>(0, any.logits.size(1));
  const torch::Tensor expected =
      cross_entropy_formula(any.logits, any.targets, {.class_weights = weights, .ignore_index = ignored});
  const torch::Tensor actual =
      focal_loss(any.logits, any.targets, {.gamma = 0, .class_weights = weights, .ignore_index = ignored});
  RC_ASSERT(all_near(actual, expected, 1e-12));
}

TEST(FocalLoss, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({3, 4, 2}, torch::kDouble) * 3;
  const torch::Tensor targets = torch::tensor({{0, 3}, {1, -100}, {2, 2}});
  for (const double gamma : {0.0, 0.5, 1.0, 2.0, 5.0}) {
    for (const Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
      const FocalLossOptions options{.gamma = gamma, .class_weights = {1, .5, 2, 0}, .reduction = reduction};
      const auto f = [&](const std::vector<torch::Tensor>& x) { return focal_loss(x[0], targets, options); };
      testing_support::gradient_check(f, {logits});
      testing_support::second_gradient_check(f, {logits});
    }
  }
}

TEST(FocalLoss, KeepsItsDigitsWhereTheProbabilityRoundsToOne) {
  for (const double gamma : {0.5, 2.0}) {  // for p → 1 the loss is (1 - p)^(γ+1) = exp(-(γ+1) u)
    const torch::Tensor z = torch::tensor({{40.0, 0.0}}, torch::kDouble).requires_grad_();
    const torch::Tensor loss = focal_loss(z, torch::tensor({0}), {.gamma = gamma});
    const double power = gamma + 1;
    const double expected = std::exp(-40 * power);
    EXPECT_NEAR(loss.item<double>() / expected, 1, 1e-12);
    const torch::Tensor first = torch::autograd::grad({loss}, {z}, {}, true, true)[0][0][0];
    EXPECT_NEAR(first.item<double>() / expected, -power, 1e-12);
    const torch::Tensor second = torch::autograd::grad({first}, {z})[0][0][0];
    EXPECT_NEAR(second.item<double>() / expected, power * power, 1e-12);
  }
}

TEST(FocalLoss, WhatCannotBeOtherwiseCostsNothing) {
  for (const torch::Tensor& start : {torch::tensor({{3.0}}), torch::tensor({{3.0, -kInfinity, -kInfinity}}),
                                     torch::tensor({{kInfinity, 1.0}}), torch::tensor({{3e38, -3e38}})}) {
    const torch::Tensor z = start.to(torch::kFloat).requires_grad_();
    const torch::Tensor loss = focal_loss(z, torch::tensor({0}));
    EXPECT_EQ(loss.item<float>(), 0);
    const torch::Tensor first = torch::autograd::grad({loss}, {z}, {}, true, true)[0];
    EXPECT_TRUE(first.equal(torch::zeros_like(first))) << first;
    const torch::Tensor second = torch::autograd::grad({first.sum()}, {z})[0];
    EXPECT_TRUE(second.equal(torch::zeros_like(second))) << second;
  }
}

TEST(FocalLoss, ATargetThatCannotBeCostsInfinitelyWithAFiniteGradient) {
  const torch::Tensor z = torch::tensor({{-kInfinity, 1.0}}, torch::kDouble).requires_grad_();
  const torch::Tensor loss = focal_loss(z, torch::tensor({0}));
  EXPECT_EQ(loss.item<double>(), kInfinity);
  loss.backward();
  EXPECT_TRUE(z.grad().equal(torch::tensor({{-1.0, 1.0}}, torch::kDouble))) << z.grad();
}

TEST(FocalLoss, AnInfiniteRivalCostsInfinitely) {
  EXPECT_EQ(focal_loss(torch::tensor({{1.0, kInfinity, 2.0}}, torch::kDouble), torch::tensor({0})).item<double>(),
            kInfinity);
}

TEST(FocalLoss, StaysFiniteForHugeLogits) {
  const torch::Tensor z = torch::tensor({{1e4F, -1e4F}, {-1.5e38F, 1.5e38F}}).requires_grad_();
  const torch::Tensor losses = focal_loss(z, torch::tensor({1, 0}), {.reduction = Reduction::kNone});
  EXPECT_TRUE(losses.equal(torch::tensor({2e4F, 3e38F})));
  losses.sum().backward();
  EXPECT_TRUE(z.grad().equal(torch::tensor({{1.0F, -1.0F}, {-1.0F, 1.0F}})));
}

TEST(FocalLoss, EqualLogitsCostTheSameHoweverLargeTheyAre) {
  const auto expect_same = [](const torch::Tensor& start, double gradient_tolerance) {
    const torch::Tensor z = start.clone().requires_grad_();
    const torch::Tensor loss = focal_loss(z, torch::tensor({0}));
    EXPECT_NEAR(loss.item<double>(), .48827, 1e-5) << start;
    loss.backward();
    EXPECT_NEAR(z.grad().to(torch::kDouble).sum().item<double>(), 0, gradient_tolerance) << z.grad();
  };
  for (const float scale : {0.0F, 1e5F, 1e7F, 1e8F, -1e8F, 1e38F}) expect_same(torch::full({1, 3}, scale), 1e-6);
  expect_same(torch::full({1, 3}, 65504, torch::kHalf), 1e-3);
}

TEST(FocalLoss, NothingOfAnIgnoredRowIsSeen) {
  const torch::Tensor z = torch::tensor({{kNan, kInfinity}, {0.0, 0.0}}, torch::kDouble).requires_grad_();
  const torch::Tensor loss = focal_loss(z, torch::tensor({-100, 1}), {.gamma = 1});
  EXPECT_NEAR(loss.item<double>(), .5 * std::log(2), 1e-15);
  loss.backward();
  expect_near(z.grad()[0], torch::zeros({2}, torch::kDouble), 0);
  EXPECT_TRUE(all_finite(z.grad()));
}

TEST(FocalLoss, ANarrowTypeCannotHoldTheIgnoreIndex) {  // -100 as uint8 would be 156
  const torch::Tensor target = torch::full({1}, 156, torch::kByte);
  EXPECT_NEAR(focal_loss(torch::zeros({1, 200}), target, {.gamma = 0}).item<double>(), std::log(200), 1e-5);
}

TEST(FocalLoss, TheMeanOfNothingIsZeroOrNan) {
  const torch::Tensor none = torch::full({2}, -100, torch::kLong);
  EXPECT_EQ(focal_loss(torch::zeros({2, 3}), none).item<float>(), 0);
  EXPECT_TRUE(std::isnan(focal_loss(torch::zeros({2, 3}), none, {.empty_mean = EmptyMean::kNan}).item<float>()));
  EXPECT_EQ(focal_loss(torch::zeros({0, 3}), torch::zeros({0}, torch::kLong)).item<float>(), 0);
}

TEST(FocalLoss, ComputesHalfTypesInFloat) {
  const torch::Tensor y = torch::tensor({2}, torch::kByte);
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor z = torch::tensor({{1.0F, 2.5F, -3.0F}}).to(type).requires_grad_();
    const torch::Tensor loss = focal_loss(z, y);
    EXPECT_TRUE(loss.equal(focal_loss(z.to(torch::kFloat), y)));
    loss.backward();
    EXPECT_EQ(z.grad().scalar_type(), type);
  }
}

TEST(FocalLoss, SaysWhatDoesNotFit) {
  const auto message = [](const torch::Tensor& targets, const FocalLossOptions& options = {}) {
    return thrown_message<std::invalid_argument>([&] { focal_loss(torch::zeros({2, 3}), targets, options); });
  };
  EXPECT_EQ(message(torch::tensor({0, 3})),
            "[focal_loss] target 3 at position 1 is no class index; 3 classes allow 0 to 2");
  EXPECT_EQ(message(torch::tensor({0, 1, 2})), "[focal_loss] targets must be [2] for logits [2,3], got [3]");
  EXPECT_EQ(message(torch::tensor({0, 1}), {.class_weights = {1}}),
            "[focal_loss] class_weights must be 3 numbers, one per class, got 1");
  EXPECT_EQ(message(torch::tensor({0, 1}), {.gamma = -1}), "[focal_loss] gamma must lie in [0, 100], got -1");
}

}  // namespace

// binary_focal_loss of focal_loss.h.

namespace {

TEST(BinaryFocalLoss, IsTheFocalLossOfTwoClasses) {
  torch::manual_seed(3);
  const torch::Tensor z = torch::randn({5}, torch::kDouble) * 4;
  const torch::Tensor t = torch::tensor({0, 1, 1, 0, 1});
  const torch::Tensor two = torch::stack({torch::zeros_like(z), z}, 1);
  expect_near(binary_focal_loss(z, t), focal_loss(two, t), 1e-14);
  const torch::Tensor balanced = focal_loss(two, t, {.class_weights = {.75, .25}, .reduction = Reduction::kSum});
  expect_near(binary_focal_loss(z, t, {.alpha = .25, .reduction = Reduction::kSum}), balanced, 1e-14);
}

RC_GTEST_PROP(BinaryFocalLoss, WithGammaZeroIsBinaryCrossEntropy, ()) {
  const auto any = testing_support::any_binary_case();
  const torch::Tensor expected = torch::binary_cross_entropy_with_logits(any.logits, any.soft);
  RC_ASSERT(all_near(binary_focal_loss(any.logits, any.soft, {.gamma = 0}), expected, 1e-12));
}

TEST(BinaryFocalLoss, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({4, 3}, torch::kDouble) * 3;
  const torch::Tensor targets = torch::rand({4, 3}, torch::kDouble) * .8 + .1;
  for (const double gamma : {0.0, 0.5, 2.0}) {
    const BinaryFocalLossOptions options{.gamma = gamma, .alpha = .25};
    const auto f = [&](const std::vector<torch::Tensor>& x) { return binary_focal_loss(x[0], x[1], options); };
    testing_support::gradient_check(f, {logits, targets});
    testing_support::second_gradient_check(f, {logits, targets});
  }
}

TEST(BinaryFocalLoss, AnInfiniteLogitThatIsRightCostsNothing) {
  const torch::Tensor z = torch::tensor({kInfinity, -kInfinity, -kInfinity}, torch::kDouble).requires_grad_();
  const torch::Tensor losses = binary_focal_loss(z, torch::tensor({1, 0, 1}), {.reduction = Reduction::kNone});
  EXPECT_TRUE(losses.equal(torch::tensor({0.0, 0.0, kInfinity}, torch::kDouble)));
  losses.sum().backward();
  EXPECT_TRUE(z.grad().equal(torch::tensor({0.0, 0.0, -1.0}, torch::kDouble)));
}

TEST(BinaryFocalLoss, SaysWhatDoesNotFit) {
  const torch::Tensor z = torch::zeros({2});
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { binary_focal_loss(z, z, {.alpha = 1.5}); }),
            "[binary_focal_loss] alpha must lie in [0, 1], got 1.5");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { binary_focal_loss(z, z - 1); }),
            "[binary_focal_loss] targets must lie in [0, 1], got -1 at position 0");
}

}  // namespace

}  // namespace margay::loss
