#include "margay/train/callback/clip_gradients.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/train/precision/gradients.h"
#include "margay/train/vision_learner.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

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
