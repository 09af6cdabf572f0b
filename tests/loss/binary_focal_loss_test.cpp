// binary_focal_loss of focal_loss.h.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/loss/focal_loss.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_near;
using testing_support::expect_near;
using testing_support::thrown_message;

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
