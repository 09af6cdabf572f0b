#include "margay/loss/mnist_loss.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/loss/binary_cross_entropy.h"
#include "tests/support/gradient_check.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

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
