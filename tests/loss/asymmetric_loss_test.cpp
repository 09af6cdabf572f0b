#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/jensen_shannon.h"
#include "margay/loss/nll_loss.h"
#include "margay/loss/poly1_cross_entropy.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_near;
using testing_support::thrown_message;

RC_GTEST_PROP(AsymmetricLoss, IsItsFormula, ()) {
  const auto any = testing_support::any_binary_case();
  const torch::Tensor z = any.logits.clamp(-20, 20);
  const torch::Tensor p = torch::sigmoid(z);
  const torch::Tensor shifted = (p - .05).clamp_min(0);
  const torch::Tensor ones = (1 - p) * p.log();
  const torch::Tensor zeros = shifted.pow(4) * (1 - shifted).log();
  const torch::Tensor expected = -(any.soft * ones + (1 - any.soft) * zeros);
  RC_ASSERT(all_near(asymmetric_loss(z, any.soft, {.reduction = Reduction::kNone}), expected, 1e-9));
}

RC_GTEST_PROP(AsymmetricLoss, WithOneGammaAndNoClipIsTheBinaryFocalLoss, ()) {
  const auto any = testing_support::any_binary_case();
  const auto gamma = *rc::gen::element(0.0, 0.5, 3.0);
  const torch::Tensor actual =
      asymmetric_loss(any.logits, any.soft, {.gamma_pos = gamma, .gamma_neg = gamma, .clip = 0});
  RC_ASSERT(all_near(actual, binary_focal_loss(any.logits, any.soft, {.gamma = gamma}), 1e-14));
}

TEST(AsymmetricLoss, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({4, 3}, torch::kDouble) * 3;
  const torch::Tensor targets = torch::rand({4, 3}, torch::kDouble) * .8 + .1;
  for (const auto& options : {AsymmetricLossOptions{}, AsymmetricLossOptions{.gamma_pos = 0, .gamma_neg = 0},
                              AsymmetricLossOptions{.gamma_pos = .5, .gamma_neg = 1.5, .clip = .2},
                              AsymmetricLossOptions{.clip = 0, .reduction = Reduction::kSum}}) {
    const auto f = [&](const std::vector<torch::Tensor>& x) { return asymmetric_loss(x[0], x[1], options); };
    testing_support::gradient_check(f, {logits, targets});
    testing_support::second_gradient_check(f, {logits, targets});
  }
}

TEST(AsymmetricLoss, DropsZerosThatAreNearlyRight) {
  const double at_the_clip = std::log(.05 / .95);
  const torch::Tensor start = torch::tensor({at_the_clip - 1e-9, -3.0, -1e300, -kInfinity}, torch::kDouble);
  for (const double gamma : {0.0, 0.5, 1.0, 4.0}) {
    const torch::Tensor z = start.clone().requires_grad_();
    const torch::Tensor loss = asymmetric_loss(z, torch::zeros({4}, torch::kBool), {.gamma_neg = gamma});
    EXPECT_EQ(loss.item<double>(), 0);
    const torch::Tensor first = torch::autograd::grad({loss}, {z}, {}, true, true)[0];
    EXPECT_TRUE(first.equal(torch::zeros_like(first))) << first;
    const torch::Tensor second = torch::autograd::grad({first.sum()}, {z})[0];
    EXPECT_TRUE(second.equal(torch::zeros_like(second))) << second;
  }
}

TEST(AsymmetricLoss, ASureZeroThatIsWrongCostsTheLogarithmOfTheClip) {
  const torch::Tensor z = torch::tensor({40.0, 1e300, kInfinity}, torch::kDouble).requires_grad_();
  const torch::Tensor losses = asymmetric_loss(z, torch::zeros({3}, torch::kLong), {.reduction = Reduction::kNone});
  testing_support::expect_near(losses, torch::full({3}, -std::log(.05) * std::pow(.95, 4), torch::kDouble), 1e-14);
  losses.sum().backward();
  EXPECT_TRUE(testing_support::all_finite(z.grad()));
}

TEST(AsymmetricLoss, AnInfiniteLogitThatIsRightCostsNothing) {
  for (const double clip : {0.0, 0.05}) {
    const torch::Tensor z = torch::tensor({kInfinity, -kInfinity}, torch::kDouble).requires_grad_();
    const torch::Tensor loss = asymmetric_loss(z, torch::tensor({1, 0}), {.clip = clip});
    EXPECT_EQ(loss.item<double>(), 0);
    loss.backward();
    EXPECT_TRUE(z.grad().equal(torch::zeros({2}, torch::kDouble)));
  }
}

TEST(AsymmetricLoss, ComputesHalfTypesInFloatAndNoElementsAsZero) {
  const torch::Tensor t = torch::tensor({1, 0});
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor z = torch::tensor({.5F, 1.25F}).to(type);
    EXPECT_TRUE(asymmetric_loss(z, t).equal(asymmetric_loss(z.to(torch::kFloat), t)));
  }
  EXPECT_EQ(asymmetric_loss(torch::zeros({0, 2}), torch::zeros({0, 2})).item<float>(), 0);
}

TEST(AsymmetricLoss, SaysWhatDoesNotFit) {
  const torch::Tensor z = torch::zeros({2});
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { asymmetric_loss(z, z, {.clip = 1.5}); }),
            "[asymmetric_loss] clip must lie in [0, 1], got 1.5");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { asymmetric_loss(z, z + 2); }),
            "[asymmetric_loss] targets must lie in [0, 1], got 2 at position 0");
}

}  // namespace

// What holds for the options of every loss.

namespace {

template <class T>
class LossOptions : public testing::Test {};

using EveryOptions =
    testing::Types<AsymmetricLossOptions, BinaryCrossEntropyOptions, BinaryFocalLossOptions, CrossEntropyOptions,
                   FocalLossOptions, JsdCrossEntropyOptions, NllLossOptions, Poly1CrossEntropyOptions>;
TYPED_TEST_SUITE(LossOptions, EveryOptions);

TYPED_TEST(LossOptions, DefaultsAreValidAndSurviveJson) {
  const TypeParam defaults;
  core::validate(defaults);
  TypeParam copy;
  core::from_json(core::to_json(defaults), copy);
  EXPECT_EQ(core::to_json(copy), core::to_json(defaults));
}

}  // namespace

}  // namespace margay::loss
