#include "margay/loss/jensen_shannon.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/loss/cross_entropy.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_finite;
using testing_support::all_near;
using testing_support::expect_near;
using testing_support::thrown_message;

std::vector<torch::Tensor> any_predictions(const std::vector<std::int64_t>& shape) {
  std::vector<torch::Tensor> divergence_logits;
  for (int m = *rc::gen::inRange(1, 5); m > 0; --m) divergence_logits.push_back(testing_support::any_logits(shape));
  return divergence_logits;
}

RC_GTEST_PROP(JensenShannon, IsTheEntropyOfTheMeanLessTheMeanEntropy, ()) {
  const std::vector<torch::Tensor> divergence_logits = any_predictions({3, 4});
  const torch::Tensor p = torch::softmax(torch::stack(divergence_logits), 2);
  const auto entropy = [](const torch::Tensor& q) { return -torch::xlogy(q, q).sum(-1); };
  const torch::Tensor actual = jensen_shannon(divergence_logits, Reduction::kNone);
  RC_ASSERT(all_near(actual, entropy(p.mean(0)) - entropy(p).mean(0), 1e-12));
  RC_ASSERT(actual.min().item<double>() > -1e-15);
  RC_ASSERT(actual.max().item<double>() < std::log(static_cast<double>(divergence_logits.size())) + 1e-12);
}

RC_GTEST_PROP(JensenShannon, IsExactlyZeroForEqualPredictions, ()) {
  const torch::Tensor divergence_logits = testing_support::any_class_case().logits.to(torch::kFloat).requires_grad_();
  const auto count = *rc::gen::inRange<std::size_t>(1, 8);
  RC_ASSERT(jensen_shannon(std::vector<torch::Tensor>(count, divergence_logits)).item<float>() == 0);
}

TEST(JensenShannon, PredictionsThatExcludeEachOtherAreLogTwoApart) {
  const torch::Tensor first = torch::tensor({{3.0, -kInfinity, -kInfinity}}, torch::kDouble).requires_grad_();
  const torch::Tensor second = torch::tensor({{-kInfinity, 1.0, -kInfinity}}, torch::kDouble).requires_grad_();
  const torch::Tensor loss = jensen_shannon({first, second});
  EXPECT_DOUBLE_EQ(loss.item<double>(), std::log(2));
  const auto gradients = torch::autograd::grad({loss}, {first, second}, {}, true, true);
  for (const torch::Tensor& gradient : gradients) EXPECT_TRUE(all_finite(gradient)) << gradient;
  EXPECT_TRUE(all_finite(torch::autograd::grad({gradients[0].sum()}, {first})[0]));
}

TEST(JensenShannon, StaysFiniteForHugeLogits) {
  const torch::Tensor first = torch::tensor({{1e38F, -1e38F}}).requires_grad_();
  const torch::Tensor loss = jensen_shannon({first, -first});
  EXPECT_FLOAT_EQ(loss.item<float>(), std::log(2.0F));
  loss.backward();
  EXPECT_TRUE(all_finite(first.grad()));
}

TEST(JensenShannon, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(6);
  const auto draw = [] { return torch::randn({2, 3, 2}, torch::kDouble) * 2; };
  for (const Reduction reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
    const auto f = [&](const std::vector<torch::Tensor>& x) { return jensen_shannon(x, reduction); };
    const std::vector<torch::Tensor> divergence_logits{draw(), draw(), draw()};
    testing_support::gradient_check(f, divergence_logits);
    testing_support::second_gradient_check(f, divergence_logits);
  }
}

TEST(JensenShannon, TakesHalfTypesNoRowsAndASingleClass) {
  const torch::Tensor half = torch::tensor({{1.0F, 2.0F}}).to(torch::kHalf);
  const torch::Tensor loss = jensen_shannon({half, -half});
  EXPECT_TRUE(loss.equal(jensen_shannon({half.to(torch::kFloat), -half.to(torch::kFloat)})));
  EXPECT_EQ(jensen_shannon({torch::zeros({0, 3}), torch::zeros({0, 3})}).item<float>(), 0);
  EXPECT_EQ(jensen_shannon({torch::zeros({2, 1}), torch::ones({2, 1})}).item<float>(), 0);
}

TEST(JensenShannon, SaysWhatDoesNotFit) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { jensen_shannon({}); }),
            "[jensen_shannon] expected at least one tensor of logits, got none");
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              jensen_shannon({torch::zeros({2, 3}), torch::zeros({2, 4})});
            }),
            "[jensen_shannon] all logits must have one shape, got [2,3] and [2,4]");
}

RC_GTEST_PROP(JsdCrossEntropy, IsCrossEntropyOfTheCleanImagesAndTheirDisagreement, ()) {
  const auto any = testing_support::any_class_case();
  const torch::Tensor second = testing_support::any_logits(any.logits.sizes().vec());
  const auto reduction = *rc::gen::element(Reduction::kMean, Reduction::kSum, Reduction::kNone);
  const CrossEntropyOptions clean{.reduction = reduction, .label_smoothing = .1};
  const torch::Tensor expected =
      cross_entropy(any.logits, any.targets, clean) + 3 * jensen_shannon({any.logits, second}, reduction);
  const torch::Tensor actual = jsd_cross_entropy(torch::cat({any.logits, second}), any.targets,
                                                 {.num_splits = 2, .alpha = 3, .cross_entropy = clean});
  RC_ASSERT(all_near(actual, expected, 1e-12));
}

TEST(JsdCrossEntropy, IsTimmsFormula) {
  torch::manual_seed(7);
  const torch::Tensor divergence_logits = torch::randn({6, 4}, torch::kDouble);
  const torch::Tensor targets = torch::tensor({3, 0});
  const std::vector<torch::Tensor> p = torch::softmax(divergence_logits, 1).split(2);
  const torch::Tensor log_mixture = torch::stack(p).mean(0).clamp(1e-7, 1).log();
  torch::Tensor divergence = torch::zeros({}, torch::kDouble);
  for (const torch::Tensor& each : p) divergence += torch::kl_div(log_mixture, each, at::Reduction::Sum) / 2 / 3;
  const torch::Tensor clean = torch::cross_entropy_loss(divergence_logits.narrow(0, 0, 2), targets);
  expect_near(jsd_cross_entropy(divergence_logits, targets), clean + 12 * divergence, 1e-12);
}

TEST(JsdCrossEntropy, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(8);
  const torch::Tensor targets = torch::tensor({2, -100});
  const auto f = [&](const std::vector<torch::Tensor>& x) {
    return jsd_cross_entropy(x[0], targets, {.cross_entropy = {.class_weights = {1, 2, 3}}});
  };
  const torch::Tensor divergence_logits = torch::randn({6, 3}, torch::kDouble);
  testing_support::gradient_check(f, {divergence_logits});
  testing_support::second_gradient_check(f, {divergence_logits});
}

TEST(JsdCrossEntropy, SaysWhatDoesNotFit) {
  const torch::Tensor two = torch::zeros({2}, torch::kLong);
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] {
              jsd_cross_entropy(torch::zeros({7, 3}), two);
            }),
            "[jsd_cross_entropy] logits [7,3] must hold 3 versions of each image, but 7 rows cannot be split so");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] {
              jsd_cross_entropy(torch::zeros({9, 3}), two);
            }),
            "[cross_entropy] targets must be [3] for logits [3,3], got [2]");
  EXPECT_THROW(jsd_cross_entropy(torch::zeros({6, 3}), two, {.cross_entropy = {.temperature = 0}}),
               std::invalid_argument);
}

}  // namespace
}  // namespace margay::loss
