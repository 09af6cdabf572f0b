#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/precision/gradients.h"
#include "margay/train/vision_learner.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/special_numbers.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

using testing_support::expect_near;

TEST(GradientsOf, AreThoseOfTrainedParametersThatHaveOne) {
  torch::nn::Linear linear(2, 3);
  EXPECT_TRUE(gradients_of(*linear).empty());
  linear->weight.mutable_grad() = torch::ones({3, 2});
  linear->bias.mutable_grad() = torch::ones({3});
  EXPECT_EQ(gradients_of(*linear).size(), 2U);
  linear->weight.set_requires_grad(false);
  const std::vector<torch::Tensor> gradients = gradients_of(*linear);
  ASSERT_EQ(gradients.size(), 1U);
  EXPECT_TRUE(gradients[0].is_same(linear->bias.grad()));
}

TEST(GlobalNorm, IsThatOfOneLongVector) {
  EXPECT_EQ(global_norm({}), 0);
  EXPECT_EQ(global_norm({torch::tensor({3.0F}), torch::zeros({2, 2}), torch::tensor({0.0F, -4.0F})}), 5);
}

TEST(GlobalNorm, SumsMillionsOfFloatsInDouble) {
  torch::manual_seed(1);
  const torch::Tensor gradient = torch::rand({3'000'001});
  const auto expected = gradient.to(torch::kDouble).norm().item<double>();
  EXPECT_NEAR(global_norm({gradient}) / expected, 1, 1e-12);
}

TEST(GlobalNorm, IsTheSameForAnyNumberOfThreads) {
  torch::manual_seed(2);
  const torch::Tensor gradient = torch::randn({500'003});
  const int threads = at::get_num_threads();
  const double norm = global_norm({gradient});
  at::set_num_threads(1);
  EXPECT_EQ(global_norm({gradient}), norm);
  at::set_num_threads(threads);
}

TEST(GlobalNorm, DoesNotOverflowInHalfPrecision) {
  const torch::Tensor half = torch::full({4}, 60000.0F).to(torch::kHalf);
  EXPECT_NEAR(global_norm({half}), 120000, 120000 * 1e-3);
  EXPECT_NEAR(global_norm({half, torch::full({1}, 160000.0F)}), 200000, 200000 * 1e-3);
}

TEST(GlobalNorm, TakesAnyLayoutAndFloatingType) {
  const torch::Tensor strided = torch::tensor({{3.0F, 100.0F}, {4.0F, 100.0F}}).select(1, 0);
  EXPECT_EQ(global_norm({strided}), 5);
  EXPECT_EQ(global_norm({strided.to(torch::kDouble), torch::tensor({12.0F}).to(torch::kBFloat16)}), 13);
}

TEST(GlobalNorm, IsNotFiniteWhereOneElementIsNot) {
  EXPECT_EQ(global_norm({torch::ones({3}), torch::tensor({1.0F, -kFloatInfinity})}), kFloatInfinity);
  EXPECT_TRUE(std::isnan(global_norm({torch::tensor({kFloatNan}), torch::ones({3})})));
}

TEST(ClipByNorm, ShortensAllByOneFactorAndReturnsTheNormBefore) {
  const std::vector<torch::Tensor> gradients{torch::tensor({3.0F, 0.0F}), torch::tensor({{4.0F}})};
  EXPECT_EQ(clip_by_norm(gradients, 1), 5);
  expect_near(gradients[0], torch::tensor({0.6F, 0.0F}), 1e-6);
  expect_near(gradients[1], torch::tensor({{0.8F}}), 1e-6);
}

TEST(ClipByNorm, LeavesShortOnesAlone) {
  const torch::Tensor gradient = torch::tensor({3.0F, 4.0F});
  EXPECT_EQ(clip_by_norm({gradient}, 10), 5);
  EXPECT_TRUE(gradient.equal(torch::tensor({3.0F, 4.0F})));
  EXPECT_EQ(clip_by_norm({}, 10), 0);
}

TEST(ClipByNorm, ShortensHalfGradients) {
  const torch::Tensor half = torch::tensor({30000.0F, 40000.0F}).to(torch::kHalf);
  EXPECT_NEAR(clip_by_norm({half}, 5), 50000, 50);
  expect_near(half, torch::tensor({3.0F, 4.0F}), 1e-3);
}

TEST(ClipByNorm, ChangesNothingThatIsNotFinite) {
  const torch::Tensor finite = torch::ones({2});
  EXPECT_EQ(clip_by_norm({finite, torch::tensor({kFloatInfinity})}, 1), kFloatInfinity);
  EXPECT_TRUE(finite.equal(torch::ones({2})));
}

TEST(ClipByValue, BringsEachElementIntoTheLimits) {
  const torch::Tensor gradient = torch::tensor({-3.0F, -0.5F, kFloatInfinity, kFloatNan});
  const torch::Tensor half = torch::tensor({-3.0F, 0.5F}).to(torch::kHalf);
  clip_by_value({gradient, half}, 2);
  EXPECT_TRUE(gradient.slice(0, 0, 3).equal(torch::tensor({-2.0F, -0.5F, 2.0F})));
  EXPECT_TRUE(std::isnan(gradient[3].item<float>()));
  EXPECT_TRUE(half.equal(torch::tensor({-2.0F, 0.5F}).to(torch::kHalf)));
}

TEST(ClipByValue, TakesALimitThatHalfPrecisionCannotHold) {
  const torch::Tensor half = torch::tensor({kFloatInfinity, -1.0F}).to(torch::kHalf);
  clip_by_value({half}, 1e6);
  EXPECT_EQ(half[0].item<float>(), 65504);
  EXPECT_EQ(half[1].item<float>(), -1);
}

TEST(Clipping, RefusesBoundsThatAreNotPositive) {
  EXPECT_THROW(clip_by_norm({}, 0), std::invalid_argument);
  EXPECT_THROW(clip_by_norm({}, kFloatNan), std::invalid_argument);
  EXPECT_THROW(clip_by_value({}, -1), std::invalid_argument);
}

/// What the optimizer gets to see.
class GradientMonitor : public Callback {
 public:
  void before_step(Learner& learner, const Progress& /*at*/) override {
    const std::vector<torch::Tensor> gradients = gradients_of(learner.classifier());
    largest_norm = std::max(largest_norm, global_norm(gradients));
    for (const torch::Tensor& each : gradients)
      largest_value = std::max(largest_value, each.abs().max().item<double>());
  }
  double largest_norm = 0;
  double largest_value = 0;
};

class ClipGradients : public testing::Test {
 protected:
  ClipGradients() { testing_support::write_tiny_images(folder_.path(), 8, 2); }

  /// Two epochs with the callback; returns what came through.
  GradientMonitor train_with(std::shared_ptr<Callback> callback) const {
    data::Loaders loaders =
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = 8, .num_workers = 1, .seed = 1});
    Learner learner =
        vision_learner(std::move(loaders), "resnet20", {.seed = 1, .learner = {.precision = model::Precision::kFp32}});
    const auto monitor = std::make_shared<GradientMonitor>();
    learner.add_callback(std::move(callback));
    learner.add_callback(monitor);
    learner.fit(2, 1e-3);
    return *monitor;
  }

  testing_support::TemporaryFolder folder_;
};

TEST_F(ClipGradients, ByNormBoundsTheLengthOfAllTogether) {
  const auto clip = std::make_shared<ClipGradientNorm>(0.25);
  EXPECT_TRUE(std::isnan(clip->norm()));
  const GradientMonitor seen = train_with(clip);
  EXPECT_NEAR(seen.largest_norm, 0.25, 1e-4);
  EXPECT_GT(clip->norm(), 0.25);
  EXPECT_EQ(clip->clipped_steps(), 4);
}

TEST_F(ClipGradients, ByNormCountsNoStepThatIsShortEnough) {
  const auto clip = std::make_shared<ClipGradientNorm>(1e6);
  const GradientMonitor seen = train_with(clip);
  EXPECT_EQ(clip->clipped_steps(), 0);
  EXPECT_GT(seen.largest_norm, 0.25);
}

TEST_F(ClipGradients, ByValueBoundsEachElement) {
  EXPECT_NEAR(train_with(std::make_shared<ClipGradientValue>(0.01)).largest_value, 0.01, 1e-8);
}

TEST_F(ClipGradients, RefuseBoundsThatAreNotPositive) {
  EXPECT_THROW(ClipGradientNorm(0), std::invalid_argument);
  EXPECT_THROW(ClipGradientValue(-1), std::invalid_argument);
}

}  // namespace

}  // namespace margay::train
