#include "margay/loss/cross_entropy.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/activation.h"
#include "margay/loss/nll_loss.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::thrown_message;

/// Central differences of the mean loss, for every logit. [N,K] double.
torch::Tensor numeric_gradient(const torch::Tensor& logits, const torch::Tensor& targets) {
  constexpr double kStep = 1e-5;
  torch::Tensor gradient = torch::zeros_like(logits);
  for (std::int64_t i = 0; i < logits.numel(); ++i) {
    torch::Tensor nudge = torch::zeros_like(logits);
    nudge.view(-1)[i] = kStep;
    const torch::Tensor rise = cross_entropy(logits + nudge, targets) - cross_entropy(logits - nudge, targets);
    gradient.view(-1)[i] = rise / (2 * kStep);
  }
  return gradient;
}

TEST(CrossEntropy, GradientMatchesFiniteDifferences) {
  torch::manual_seed(3);
  for (const std::int64_t classes : {1, 2, 7}) {
    const torch::Tensor logits = (torch::randn({4, classes}, torch::kDouble) * 3).requires_grad_();
    const torch::Tensor targets = torch::randint(classes, {4}, torch::kLong);
    cross_entropy(logits, targets).backward();
    const torch::Tensor numeric = numeric_gradient(logits.detach(), targets);
    EXPECT_LE((logits.grad() - numeric).abs().max().item<double>(), 1e-8);
  }
}

TEST(CrossEntropy, StaysFiniteForHugeLogits) {
  const torch::Tensor logits = torch::tensor({{1e4, -1e4}, {-3e38, 3e38}});
  const torch::Tensor losses =
      cross_entropy(logits, torch::tensor({1, 1}, torch::kLong), {.reduction = Reduction::kNone});
  EXPECT_EQ(losses[0].item<float>(), 2e4F);
  EXPECT_EQ(losses[1].item<float>(), 0.0F);
}

TEST(CrossEntropy, ComputesHalfPrecisionLogitsInFloat) {
  const torch::Tensor logits = torch::tensor({{1.0F, 2.5F, -3.0F}}).to(torch::kBFloat16);
  const torch::Tensor loss = cross_entropy(logits, torch::tensor({2}, torch::kLong));
  EXPECT_EQ(loss.scalar_type(), torch::kFloat);
  EXPECT_NEAR(loss.item<double>(), 5.704749, 1e-5);
}

TEST(CrossEntropy, TakesPositionsBeyondTheBatch) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({2, 3, 4});
  const torch::Tensor targets = torch::randint(3, {2, 4}, torch::kLong);
  const torch::Tensor flat = cross_entropy(logits.permute({0, 2, 1}).reshape({8, 3}), targets.reshape({8}));
  EXPECT_NEAR(cross_entropy(logits, targets).item<double>(), flat.item<double>(), 1e-6);
}

TEST(CrossEntropy, NamesTheTargetThatIsNoClass) {
  const auto call = [] { cross_entropy(torch::zeros({3, 37}), torch::tensor({0, 37, 1}, torch::kLong)); };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call),
            "[cross_entropy] target 37 at position 1 is no class index; 37 classes allow 0 to 36");
}

TEST(CrossEntropy, RecognisesOneHotTargets) {
  const auto call = [] { cross_entropy(torch::zeros({3, 4}), torch::eye(4, torch::kLong).narrow(0, 0, 3)); };
  EXPECT_NE(thrown_message<std::invalid_argument>(call).find("one-hot"), std::string::npos);
}

TEST(CrossEntropy, SaysWhichShapeItExpected) {
  const auto call = [] { cross_entropy(torch::zeros({32, 10, 1}), torch::zeros({32}, torch::kLong)); };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call),
            "[cross_entropy] targets must be [32,1] for logits [32,10,1], got [32]");
}

TEST(CrossEntropy, RefusesLogitsWithoutClasses) {
  EXPECT_THROW(cross_entropy(torch::zeros({3}), torch::zeros({3}, torch::kLong)), std::invalid_argument);
  EXPECT_THROW(cross_entropy(torch::zeros({3, 2}, torch::kLong), torch::zeros({3}, torch::kLong)),
               std::invalid_argument);
}

}  // namespace
}  // namespace margay::loss
