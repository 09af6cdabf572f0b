// The numbers of the study notes that Margay was made for (chapter 5 of the fast.ai book: a batch of six images,
// two classes), step by step from activations to the gradient.
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/nll_loss.h"

namespace margay::loss {
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

void expect_near(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance = 1e-4) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance) << actual << "\nexpected\n" << expected;
}

TEST(Notes, SigmoidOfEachActivation) {
  expect_near(
      loss::sigmoid(activations()),
      torch::tensor({{.9151, .0522}, {.0671, .5366}, {.7509, .6234}, {.0424, .1127}, {.9770, .2646}, {.0939, .8208}},
                    torch::kDouble));
}

TEST(Notes, SigmoidOfTheDifferenceIsTheFirstSoftmaxColumn) {
  const torch::Tensor z = activations();
  const torch::Tensor difference = loss::sigmoid(z.select(1, 0) - z.select(1, 1));
  expect_near(difference, torch::tensor({.9949, .0585, .6455, .2584, .9916, .0221}, torch::kDouble));
  expect_near(difference, softmax(z).select(1, 0), 1e-12);
}

TEST(Notes, SoftmaxRowsSumToOne) {
  const torch::Tensor probabilities = softmax(activations());
  expect_near(
      probabilities,
      torch::tensor({{.9949, .0051}, {.0585, .9415}, {.6455, .3545}, {.2584, .7416}, {.9916, .0084}, {.0221, .9779}},
                    torch::kDouble));
  expect_near(probabilities.sum(1), torch::ones({6}, torch::kDouble), 1e-12);
}

TEST(Notes, NllLossOfTheSoftmaxPicksTheTargetsAndNegates) {
  const torch::Tensor picked = torch::tensor({.9949, .9415, .6455, .7416, .0084, .0221}, torch::kDouble);
  expect_near(nll_loss(softmax(activations()), targets(), {.reduction = Reduction::kNone}), -picked);
}

TEST(Notes, CrossEntropyWithoutReduction) {
  const torch::Tensor expected = torch::tensor({.0051, .0603, .4377, .2990, 4.7790, 3.8108}, torch::kDouble);
  expect_near(cross_entropy(activations(), targets(), {.reduction = Reduction::kNone}), expected);
  expect_near(cross_entropy(activations(), targets(), {.reduction = Reduction::kSum}), expected.sum(), 6e-4);
  expect_near(cross_entropy(activations(), targets()), expected.mean());
}

TEST(Notes, GradientIsSoftmaxMinusOnehot) {
  const torch::Tensor z = activations().requires_grad_();
  cross_entropy(z, targets(), {.reduction = Reduction::kSum}).backward();
  const torch::Tensor expected = softmax(activations()) - torch::one_hot(targets(), 2);
  expect_near(z.grad(), expected, 1e-12);
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
  expect_near(
      p, torch::tensor({{.7795, .2205}, {.8902, .1098}, {.1517, .8483}, {.5245, .4755}, {.9956, .0044}, {.8464, .1536}},
                       torch::kDouble));
  const torch::Tensor picked = torch::tensor({.7795, .1098, .1517, .4755, .0044, .8464}, torch::kDouble);
  expect_near(pick(p, targets()), picked);
  expect_near(cross_entropy(z, targets(), {.reduction = Reduction::kNone}), -pick(p, targets()).log(), 1e-12);
}

// The book prints the losses of its own activations; they are its seed's, drawn by the same generator.
TEST(Notes, TheBooksLossesAndTheirMean) {
  torch::manual_seed(42);
  const torch::Tensor z = torch::randn({6, 2}) * 2;
  const torch::Tensor printed = torch::tensor({.5067, .6973, 2.0160, 5.6958, .9062, 1.0048});
  expect_near(cross_entropy(z, targets(), {.reduction = Reduction::kNone}), printed);
  expect_near(cross_entropy(z, targets()), torch::tensor(1.8045F));
}

}  // namespace
}  // namespace margay::loss
