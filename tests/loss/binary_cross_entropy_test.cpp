#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/loss/binary_cross_entropy.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_near;
using testing_support::expect_golden_loss;
using testing_support::expect_near;
using testing_support::thrown_message;

testing_support::ReducedLoss binary_with(BinaryCrossEntropyOptions options) {
  return [options](const torch::Tensor& logits, const torch::Tensor& targets, Reduction reduction) mutable {
    options.reduction = reduction;
    return loss::binary_cross_entropy_with_logits(logits, targets, options);
  };
}

TEST(BinaryCrossEntropy, MatchesFastaisNumbers) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  expect_golden_loss("BCEWithLogitsLossFlat", torch::kLong, binary_with({}));
  expect_golden_loss("BCEWithLogitsLossFlat_soft", torch::kFloat, binary_with({}));
  expect_golden_loss("BCEWithLogitsLossFlat_pos_weight", torch::kLong,
                     binary_with({.pos_weights = {1, 2, .5, 1.5, 3}}));
}

RC_GTEST_PROP(BinaryCrossEntropy, AgreesWithLibTorch, ()) {
  const auto any = testing_support::any_binary_case();
  const std::vector<double> weights = testing_support::any_weights(any.logits.size(1));
  std::vector<std::int64_t> along_columns(static_cast<std::size_t>(any.logits.dim() - 1), 1);
  along_columns[0] = any.logits.size(1);
  const torch::Tensor pos_weight = torch::tensor(weights, torch::kDouble).view(along_columns);
  for (const torch::Tensor& targets : {any.hard, any.soft}) {
    const torch::Tensor expected = torch::binary_cross_entropy_with_logits(any.logits, targets, {}, pos_weight);
    const torch::Tensor actual = loss::binary_cross_entropy_with_logits(any.logits, targets, {.pos_weights = weights});
    RC_ASSERT(all_near(actual, expected, 1e-12));
  }
}

RC_GTEST_PROP(BinaryCrossEntropy, SmoothingIsASofterTarget, ()) {
  const auto any = testing_support::any_binary_case();
  const torch::Tensor smoothed = loss::binary_cross_entropy_with_logits(any.logits, any.hard, {.label_smoothing = .2});
  RC_ASSERT(all_near(smoothed, loss::binary_cross_entropy_with_logits(any.logits, any.hard * .8 + .1), 1e-12));
}

TEST(BinaryCrossEntropy, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({3, 2, 2}, torch::kDouble) * 3;
  const torch::Tensor targets = torch::rand({3, 2, 2}, torch::kDouble) * .8 + .1;
  for (const Reduction reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
    const BinaryCrossEntropyOptions options{.reduction = reduction, .pos_weights = {.5, 3}, .label_smoothing = .1};
    const auto f = [&](const std::vector<torch::Tensor>& x) {
      return loss::binary_cross_entropy_with_logits(x[0], x[1], options);
    };
    testing_support::gradient_check(f, {logits, targets});
    testing_support::second_gradient_check(f, {logits, targets});
  }
}

TEST(BinaryCrossEntropy, GradientIsSigmoidMinusTarget) {
  const torch::Tensor z = torch::tensor({0.0F, 0.0F, 2.0F}).requires_grad_();
  const torch::Tensor t = torch::tensor({1, 0, 1});
  loss::binary_cross_entropy_with_logits(z, t, {.reduction = Reduction::kSum}).backward();
  expect_near(z.grad(), torch::sigmoid(z) - t, 1e-7);
}

TEST(BinaryCrossEntropy, IsFiniteForTheLargestLogits) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  const torch::Tensor z = torch::tensor({kLargest, kLargest, -kLargest, -kLargest}).requires_grad_();
  const torch::Tensor t = torch::tensor({1, 0, 1, 0});
  const torch::Tensor losses = loss::binary_cross_entropy_with_logits(z, t, {.reduction = Reduction::kNone});
  EXPECT_TRUE(losses.equal(torch::tensor({0.0F, kLargest, kLargest, 0.0F})));
  losses.sum().backward();
  EXPECT_TRUE(z.grad().equal(torch::tensor({0.0F, 1.0F, -1.0F, 0.0F})));
}

TEST(BinaryCrossEntropy, AnInfiniteLogitThatIsRightCostsNothing) {
  const torch::Tensor z = torch::tensor({kInfinity, -kInfinity, -kInfinity}, torch::kDouble).requires_grad_();
  const torch::Tensor t = torch::tensor({1, 0, 1});
  const torch::Tensor losses = loss::binary_cross_entropy_with_logits(z, t, {.reduction = Reduction::kNone});
  EXPECT_TRUE(losses.equal(torch::tensor({0.0, 0.0, kInfinity}, torch::kDouble)));
  losses.sum().backward();
  EXPECT_TRUE(z.grad().equal(torch::tensor({0.0, 0.0, -1.0}, torch::kDouble)));
}

TEST(BinaryCrossEntropy, KeepsTheDigitsOfSmallLosses) {
  const torch::Tensor loss =
      loss::binary_cross_entropy_with_logits(torch::tensor({40.0}, torch::kDouble), torch::ones({1}, torch::kBool));
  EXPECT_DOUBLE_EQ(loss.item<double>(), std::exp(-40));
}

TEST(BinaryCrossEntropy, TargetsMayBeOfAnyType) {
  const torch::Tensor z = torch::tensor({{1.5F, -2.0F}, {0.25F, 3.0F}});
  const torch::Tensor t = torch::tensor({{1, 0}, {0, 1}});
  const torch::Tensor expected = loss::binary_cross_entropy_with_logits(z, t.to(torch::kFloat));
  for (const auto type : {torch::kBool, torch::kByte, torch::kChar, torch::kShort, torch::kInt, torch::kLong,
                          torch::kHalf, torch::kBFloat16, torch::kDouble}) {
    EXPECT_TRUE(loss::binary_cross_entropy_with_logits(z, t.to(type)).equal(expected));
  }
}

TEST(BinaryCrossEntropy, ComputesHalfTypesInFloat) {
  const torch::Tensor t = torch::tensor({1, 0});
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor z = torch::tensor({1.5F, -2.75F}).to(type).requires_grad_();
    const torch::Tensor loss = loss::binary_cross_entropy_with_logits(z, t);
    EXPECT_TRUE(loss.equal(loss::binary_cross_entropy_with_logits(z.to(torch::kFloat), t)));
    loss.backward();
    EXPECT_EQ(z.grad().scalar_type(), type);
  }
}

TEST(BinaryCrossEntropy, OnePosWeightServesAllShapes) {
  const BinaryCrossEntropyOptions options{.pos_weights = {2}};
  const double expected = 2 * std::log(2);
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{}, {3}, {3, 1}, {3, 4}}) {
    const torch::Tensor loss = loss::binary_cross_entropy_with_logits(torch::zeros(shape), torch::ones(shape), options);
    EXPECT_NEAR(loss.item<double>(), expected, 1e-6);
  }
}

TEST(BinaryCrossEntropy, TheMeanOfNoElementsIsZero) {
  EXPECT_EQ(loss::binary_cross_entropy_with_logits(torch::zeros({0, 3}), torch::zeros({0, 3})).item<float>(), 0);
}

TEST(BinaryCrossEntropy, SaysWhatDoesNotFit) {
  const auto message = [](const torch::Tensor& logits, const torch::Tensor& targets,
                          const BinaryCrossEntropyOptions& options = {}) {
    return thrown_message<std::invalid_argument>(
        [&] { loss::binary_cross_entropy_with_logits(logits, targets, options); });
  };
  const torch::Tensor z = torch::zeros({2, 3});
  EXPECT_EQ(message(z, torch::tensor({{0.0, 1.0, 0.5}, {1.0, 1.5, 0.0}})),
            "[binary_cross_entropy_with_logits] targets must lie in [0, 1], got 1.5 at position 4");
  EXPECT_NE(message(z, torch::zeros({2}, torch::kLong)).find("logits' shape [2,3]"), std::string::npos);
  EXPECT_NE(message(z.to(torch::kLong), z).find("logits must be floating"), std::string::npos);
  EXPECT_EQ(
      message(z, z, {.pos_weights = {1, 2}}),
      "[binary_cross_entropy_with_logits] pos_weights must be one number, or one per column of logits [2,3], got 2");
  EXPECT_EQ(message(z, z, {.pos_weights = {1, -2, 1}}),
            "[binary_cross_entropy_with_logits] pos_weights[1] must be finite and not negative, got -2");
  EXPECT_EQ(message(z, z, {.label_smoothing = 2}), "[binary_cross_entropy] label_smoothing must lie in [0, 1], got 2");
}

TEST(MnistLoss, IsTheDistanceToTheTarget) {  // predictions .9, .4, .2 for 1, 0, 1: the mean of .1, .4, .8
  const torch::Tensor logits = torch::logit(torch::tensor({.9, .4, .2}, torch::kDouble));
  EXPECT_NEAR(mnist_loss(logits, torch::tensor({1, 0, 1})).item<double>(), 1.3 / 3, 1e-12);
}

TEST(MnistLoss, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(4);
  const torch::Tensor targets = torch::tensor({{1, 0}, {0, 1}, {1, 1}});
  const auto f = [&](const std::vector<torch::Tensor>& x) { return mnist_loss(x[0], targets); };
  const torch::Tensor logits = torch::randn({3, 2}, torch::kDouble) * 2;
  testing_support::gradient_check(f, {logits});
  testing_support::second_gradient_check(f, {logits});
}

TEST(MnistLoss, HardlyMovesWhatIsSurelyWrongWhereCrossEntropyDoes) {
  const torch::Tensor wrong = torch::tensor({20.0}).requires_grad_();
  const torch::Tensor target = torch::zeros({1}, torch::kLong);
  const auto gradient = [&](const torch::Tensor& loss) {
    return torch::autograd::grad({loss}, {wrong})[0].item<float>();
  };
  EXPECT_LT(gradient(mnist_loss(wrong, target)), 1e-8F);
  EXPECT_EQ(gradient(loss::binary_cross_entropy_with_logits(wrong, target)), 1.0F);
}

TEST(MnistLoss, ComputesHalfTypesInFloatAndNoElementsAsZero) {
  const torch::Tensor loss = mnist_loss(torch::zeros({2}, torch::kHalf), torch::ones({2}, torch::kBool));
  EXPECT_EQ(loss.scalar_type(), torch::kFloat);
  EXPECT_EQ(loss.item<float>(), 0.5F);
  EXPECT_EQ(mnist_loss(torch::zeros({0}), torch::zeros({0})).item<float>(), 0);
}

TEST(MnistLoss, RefusesTargetsOfAnotherShape) {
  const auto call = [] { mnist_loss(torch::zeros({3, 1}), torch::zeros({3})); };
  EXPECT_NE(testing_support::thrown_message<std::invalid_argument>(call).find("[mnist_loss] targets must have"),
            std::string::npos);
}

}  // namespace

}  // namespace margay::loss
