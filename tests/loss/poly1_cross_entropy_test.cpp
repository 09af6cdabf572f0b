#include "margay/loss/poly1_cross_entropy.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/reduction.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_near;
using testing_support::expect_near;
using testing_support::thrown_message;

RC_GTEST_PROP(Poly1CrossEntropy, AddsTheDistanceFromOneToCrossEntropy, ()) {
  const auto any = testing_support::any_class_case();
  const std::vector<double> weights = testing_support::any_weights(any.logits.size(1));
  const std::int64_t ignored = *rc::gen::inRange<std::int64_t>(0, any.logits.size(1));
  const auto epsilon = *rc::gen::element(-1.0, 0.0, 2.5);
  const auto smoothing = *rc::gen::element(0.0, 0.1, 1.0);
  const torch::Tensor onehot = torch::one_hot(any.targets, any.logits.size(1)).movedim(-1, 1).to(torch::kDouble);
  const torch::Tensor q = onehot * (1 - smoothing) + smoothing / static_cast<double>(any.logits.size(1));
  const torch::Tensor distance = (q * (1 - torch::softmax(any.logits, 1))).sum(1);
  const torch::Tensor counts = without_ignored(any.logits, any.targets, weights, ignored).weights;
  const torch::Tensor cross_entropy = cross_entropy_formula(
      any.logits, any.targets,
      {.reduction = Reduction::kNone, .class_weights = weights, .label_smoothing = smoothing, .ignore_index = ignored});
  const torch::Tensor actual = poly1_cross_entropy(any.logits, any.targets,
                                                   {.epsilon = epsilon,
                                                    .reduction = Reduction::kNone,
                                                    .class_weights = weights,
                                                    .label_smoothing = smoothing,
                                                    .ignore_index = ignored});
  RC_ASSERT(all_near(actual, cross_entropy + epsilon * counts * distance, 1e-12));
}

TEST(Poly1CrossEntropy, TheMeanDividesByTheWeights) {
  const torch::Tensor logits = torch::tensor({{1.0, 2.0}, {0.5, -1.0}, {3.0, 3.0}}, torch::kDouble);
  const torch::Tensor targets = torch::tensor({0, 1, -100});
  const torch::Tensor rows = poly1_cross_entropy(logits, targets, {.reduction = Reduction::kNone});
  const torch::Tensor mean = poly1_cross_entropy(logits, targets, {.class_weights = {2, 6}});
  expect_near(mean, (2 * rows[0] + 6 * rows[1]) / 8, 1e-14);
}

TEST(Poly1CrossEntropy, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({3, 4, 2}, torch::kDouble) * 3;
  const torch::Tensor targets = torch::tensor({{0, 3}, {1, -100}, {2, 2}});
  for (const auto& options :
       {Poly1CrossEntropyOptions{}, Poly1CrossEntropyOptions{.epsilon = -1, .reduction = Reduction::kNone},
        Poly1CrossEntropyOptions{.class_weights = {1, .5, 2, 0}, .label_smoothing = .1}}) {
    const auto f = [&](const std::vector<torch::Tensor>& x) { return poly1_cross_entropy(x[0], targets, options); };
    testing_support::gradient_check(f, {logits});
    testing_support::second_gradient_check(f, {logits});
  }
}

TEST(Poly1CrossEntropy, KeepsItsDigitsWhereTheProbabilityRoundsToOne) {
  const torch::Tensor z = torch::tensor({{40.0, 0.0}}, torch::kDouble).requires_grad_();
  const torch::Tensor loss = poly1_cross_entropy(z, torch::tensor({0}), {.epsilon = 2});
  EXPECT_NEAR(loss.item<double>() / std::exp(-40), 3, 1e-12);
  loss.backward();
  EXPECT_NEAR(z.grad()[0][0].item<double>() / std::exp(-40), -3, 1e-12);
}

TEST(Poly1CrossEntropy, WhatCannotBeOtherwiseCostsNothing) {
  for (const torch::Tensor& start :
       {torch::tensor({{3.0F}}), torch::tensor({{3.0F, -std::numeric_limits<float>::infinity()}})}) {
    const torch::Tensor z = start.clone().requires_grad_();
    const torch::Tensor loss = poly1_cross_entropy(z, torch::tensor({0}));
    EXPECT_EQ(loss.item<float>(), 0);
    loss.backward();
    EXPECT_TRUE(z.grad().equal(torch::zeros_like(z)));
  }
}

TEST(Poly1CrossEntropy, StaysFiniteForHugeLogits) {
  const torch::Tensor z = torch::tensor({{-1.5e38F, 1.5e38F}}).requires_grad_();
  const torch::Tensor loss = poly1_cross_entropy(z, torch::tensor({0}));
  EXPECT_EQ(loss.item<float>(), 3e38F);
  loss.backward();
  EXPECT_TRUE(z.grad().equal(torch::tensor({{-1.0F, 1.0F}})));
}

TEST(Poly1CrossEntropy, EqualLogitsCostTheSameHoweverLargeTheyAre) {
  const auto expect_same = [](const torch::Tensor& start, double gradient_tolerance) {
    const torch::Tensor z = start.clone().requires_grad_();
    const torch::Tensor loss = poly1_cross_entropy(z, torch::tensor({0}));
    EXPECT_NEAR(loss.item<double>(), 1.76528, 1e-5) << start;
    loss.backward();
    EXPECT_NEAR(z.grad().to(torch::kDouble).sum().item<double>(), 0, gradient_tolerance) << z.grad();
  };
  for (const float scale : {0.0F, 1e5F, 1e7F, 1e8F, -1e8F, 1e38F}) expect_same(torch::full({1, 3}, scale), 1e-6);
  expect_same(torch::full({1, 3}, 65504, torch::kHalf), 1e-3);
}

TEST(Poly1CrossEntropy, NothingOfAnIgnoredRowIsSeen) {
  for (const double smoothing : {0.0, 0.1}) {
    const torch::Tensor z = torch::tensor({{kInfinity, kInfinity}, {0.0, 0.0}}, torch::kDouble).requires_grad_();
    const torch::Tensor loss = poly1_cross_entropy(z, torch::tensor({-100, 1}), {.label_smoothing = smoothing});
    EXPECT_NEAR(loss.item<double>(), std::log(2) + .5, 1e-15);
    loss.backward();
    expect_near(z.grad()[0], torch::zeros({2}, torch::kDouble), 0);
    EXPECT_TRUE(testing_support::all_finite(z.grad()));
  }
}

TEST(Poly1CrossEntropy, ComputesHalfTypesInFloatAndNoRowsAsZero) {
  const torch::Tensor y = torch::tensor({2}, torch::kInt);
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor z = torch::tensor({{1.0F, 2.5F, -3.0F}}).to(type);
    EXPECT_TRUE(poly1_cross_entropy(z, y).equal(poly1_cross_entropy(z.to(torch::kFloat), y)));
  }
  const torch::Tensor empty = torch::zeros({0, 3});
  const torch::Tensor none = torch::zeros({0}, torch::kLong);
  EXPECT_EQ(poly1_cross_entropy(empty, none).item<float>(), 0);
  EXPECT_TRUE(std::isnan(poly1_cross_entropy(empty, none, {.empty_mean = EmptyMean::kNan}).item<float>()));
}

TEST(Poly1CrossEntropy, SaysWhatDoesNotFit) {
  const torch::Tensor z = torch::zeros({2, 3});
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] {
              poly1_cross_entropy(z, torch::tensor({0, -1}));
            }),
            "[poly1_cross_entropy] target -1 at position 1 is no class index; 3 classes allow 0 to 2");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { poly1_cross_entropy(z, z, {.epsilon = -2}); }),
            "[poly1_cross_entropy] epsilon must lie in [-1, 1000000], got -2");
}

}  // namespace
}  // namespace margay::loss
