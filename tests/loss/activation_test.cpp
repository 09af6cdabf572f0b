#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/nll_loss.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_near;
using testing_support::any_class_case;
using testing_support::expect_near;

TEST(Activation, SoftmaxMatchesPyTorchsNumbers) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  const auto golden = testing_support::golden("losses.json");
  const torch::Tensor logits = testing_support::tensor_of(golden["CrossEntropyLossFlat"]["x"]);
  expect_near(loss::softmax(logits), testing_support::tensor_of(golden["activation_softmax"]), 1e-7);
}

RC_GTEST_PROP(Activation, AgreesWithLibTorch, ()) {
  const torch::Tensor z = any_class_case().logits;
  RC_ASSERT(all_near(loss::softmax(z), torch::softmax(z, 1), 1e-14));
  RC_ASSERT(all_near(loss::log_softmax(z), torch::log_softmax(z, 1), 1e-14));
  RC_ASSERT(all_near(loss::sigmoid(z), torch::sigmoid(z), 1e-14));
  RC_ASSERT(all_near(loss::log_sigmoid(z), torch::log_sigmoid(z), 1e-14));
}

RC_GTEST_PROP(Activation, HalfTypesAreThoseOfFloatRoundedOnce, ()) {
  const torch::Tensor z = any_class_case().logits.clamp(-1e4, 1e4);
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor half = z.to(type);
    const torch::Tensor same = half.to(torch::kFloat);
    RC_ASSERT(loss::softmax(half).equal(torch::softmax(same, 1).to(type)));
    RC_ASSERT(loss::log_softmax(half).equal(torch::log_softmax(same, 1).to(type)));
    RC_ASSERT(loss::sigmoid(half).equal(torch::sigmoid(same).to(type)));
    RC_ASSERT(loss::log_sigmoid(half).equal(loss::log_sigmoid(same).to(type)));
    RC_ASSERT(loss::softplus(half).equal(loss::softplus(same).to(type)));
  }
}

TEST(Activation, LogSigmoidIsExactAtBothEnds) {
  const torch::Tensor z = torch::tensor({-kInfinity, -1e300, -40.0, 0.0, 40.0, 650.0, kInfinity}, torch::kDouble);
  const torch::Tensor value = loss::log_sigmoid(z);
  const std::vector<double> expected{-kInfinity,        -1e300, -40.0 - std::exp(-40), -std::log(2), -std::exp(-40.0),
                                     -std::exp(-650.0), 0};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(value[static_cast<std::int64_t>(i)].item<double>(), expected[i]);
  }
}

TEST(Activation, SoftplusKeepsTheDigitsOfItsDerivativesWhereItVanishes) {
  const torch::Tensor z = torch::tensor(-40.0, torch::kDouble).requires_grad_();
  const torch::Tensor first = torch::autograd::grad({loss::softplus(z)}, {z}, {}, true, true)[0];
  const torch::Tensor second = torch::autograd::grad({first}, {z})[0];
  EXPECT_DOUBLE_EQ(first.item<double>(), std::exp(-40));
  EXPECT_DOUBLE_EQ(second.item<double>(), std::exp(-40));
}

TEST(Activation, InfiniteLogitsHaveFiniteDerivatives) {
  const torch::Tensor z = torch::tensor({-kInfinity, kInfinity}, torch::kDouble).requires_grad_();
  const torch::Tensor first = torch::autograd::grad({loss::log_sigmoid(z).sum()}, {z}, {}, true, true)[0];
  expect_near(first, torch::tensor({1.0, 0.0}, torch::kDouble), 0);
  expect_near(torch::autograd::grad({first.sum()}, {z})[0], torch::zeros({2}, torch::kDouble), 0);
}

TEST(Activation, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(5);
  const torch::Tensor z = torch::randn({3, 4, 2}, torch::kDouble) * 3;
  for (const auto activation :
       {&loss::sigmoid, &loss::log_sigmoid, &loss::softplus, &loss::softmax, &loss::log_softmax}) {
    const auto f = [activation](const std::vector<torch::Tensor>& x) { return activation(x[0]); };
    testing_support::gradient_check(f, {z});
    testing_support::second_gradient_check(f, {z});
  }
}

TEST(Activation, TakesNoRowsAndASingleClass) {
  EXPECT_EQ(loss::softmax(torch::zeros({0, 3}, torch::kHalf)).sizes(), torch::IntArrayRef({0, 3}));
  EXPECT_TRUE(loss::softmax(torch::full({2, 1}, 7.0)).equal(torch::ones({2, 1})));
  EXPECT_EQ(loss::sigmoid(torch::tensor(0.0)).item<float>(), 0.5F);
}

TEST(Activation, RefusesWholeNumbers) {
  const torch::Tensor whole = torch::zeros({2, 3}, torch::kLong);
  using testing_support::thrown_message;
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { loss::sigmoid(whole); }),
            "[sigmoid] activations must be floating, got long int");
  EXPECT_THROW(loss::log_sigmoid(whole), std::invalid_argument);
  EXPECT_THROW(loss::softmax(whole), std::invalid_argument);
}

}  // namespace

// The numbers of the study notes that Margay was made for (chapter 5 of the fast.ai book: a batch of six images,
// two classes), step by step from activations to the gradient.

namespace {

torch::Tensor activations() {
  return torch::tensor({{2.3771, -2.8988},
                        {-2.6314, 0.1466},
                        {1.1035, 0.5041},
                        {-3.1179, -2.0637},
                        {3.7481, -1.0225},
                        {-2.2668, 1.5217}},
                       torch::kDouble);
}

torch::Tensor targets() { return torch::tensor({0, 1, 0, 1, 1, 0}, torch::kLong); }

void expect_as_noted(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance = 1e-4) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance) << actual << "\nexpected\n" << expected;
}

TEST(Notes, SigmoidOfEachActivation) {
  expect_as_noted(
      loss::sigmoid(activations()),
      torch::tensor({{.9151, .0522}, {.0671, .5366}, {.7509, .6234}, {.0424, .1127}, {.9770, .2646}, {.0939, .8208}},
                    torch::kDouble));
}

TEST(Notes, SigmoidOfTheDifferenceIsTheFirstSoftmaxColumn) {
  const torch::Tensor z = activations();
  const torch::Tensor difference = loss::sigmoid(z.select(1, 0) - z.select(1, 1));
  expect_as_noted(difference, torch::tensor({.9949, .0585, .6455, .2584, .9916, .0221}, torch::kDouble));
  expect_as_noted(difference, softmax(z).select(1, 0), 1e-12);
}

TEST(Notes, SoftmaxRowsSumToOne) {
  const torch::Tensor probabilities = softmax(activations());
  expect_as_noted(
      probabilities,
      torch::tensor({{.9949, .0051}, {.0585, .9415}, {.6455, .3545}, {.2584, .7416}, {.9916, .0084}, {.0221, .9779}},
                    torch::kDouble));
  expect_as_noted(probabilities.sum(1), torch::ones({6}, torch::kDouble), 1e-12);
}

TEST(Notes, NllLossOfTheSoftmaxPicksTheTargetsAndNegates) {
  const torch::Tensor picked = torch::tensor({.9949, .9415, .6455, .7416, .0084, .0221}, torch::kDouble);
  expect_as_noted(nll_loss(softmax(activations()), targets(), {.reduction = Reduction::kNone}), -picked);
}

TEST(Notes, CrossEntropyWithoutReduction) {
  const torch::Tensor expected = torch::tensor({.0051, .0603, .4377, .2990, 4.7790, 3.8108}, torch::kDouble);
  expect_as_noted(cross_entropy(activations(), targets(), {.reduction = Reduction::kNone}), expected);
  expect_as_noted(cross_entropy(activations(), targets(), {.reduction = Reduction::kSum}), expected.sum(), 6e-4);
  expect_as_noted(cross_entropy(activations(), targets()), expected.mean());
}

TEST(Notes, GradientIsSoftmaxMinusOnehot) {
  const torch::Tensor z = activations().requires_grad_();
  cross_entropy(z, targets(), {.reduction = Reduction::kSum}).backward();
  const torch::Tensor expected = softmax(activations()) - torch::one_hot(targets(), 2);
  expect_as_noted(z.grad(), expected, 1e-12);
}

TEST(Notes, SecondTableFromSoftmaxToLoss) {
  const torch::Tensor z = torch::tensor({{-0.9916, -2.2545},
                                         {0.1560, -1.9368},
                                         {-0.6164, 1.1047},
                                         {-2.0798, -2.1778},
                                         {1.6429, -3.7728},
                                         {-1.2445, -2.9512}},
                                        torch::kDouble);
  const torch::Tensor p = softmax(z);
  expect_as_noted(
      p, torch::tensor({{.7795, .2205}, {.8902, .1098}, {.1517, .8483}, {.5245, .4755}, {.9956, .0044}, {.8464, .1536}},
                       torch::kDouble));
  const torch::Tensor picked = torch::tensor({.7795, .1098, .1517, .4755, .0044, .8464}, torch::kDouble);
  expect_as_noted(pick(p, targets()), picked);
  expect_as_noted(cross_entropy(z, targets(), {.reduction = Reduction::kNone}), -pick(p, targets()).log(), 1e-12);
}

// The book prints the losses of its own activations; they are its seed's, drawn by the same generator.
TEST(Notes, TheBooksLossesAndTheirMean) {
  torch::manual_seed(42);
  const torch::Tensor z = torch::randn({6, 2}) * 2;
  const torch::Tensor printed = torch::tensor({.5067, .6973, 2.0160, 5.6958, .9062, 1.0048});
  expect_as_noted(cross_entropy(z, targets(), {.reduction = Reduction::kNone}), printed);
  expect_as_noted(cross_entropy(z, targets()), torch::tensor(1.8045F));
}

}  // namespace

}  // namespace margay::loss
