#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/train/precision/grad_scaler.h"
#include "margay/train/task_loss.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

torch::Tensor half(std::vector<float> values) { return torch::tensor(values).to(torch::kHalf); }

TEST(GradScaler, BeginsAsTorchs) {
  EXPECT_EQ(GradScaler().current_scale(), 65536);
  const LossScalingOptions options;
  EXPECT_EQ(options.growth_factor, 2);
  EXPECT_EQ(options.backoff_factor, 0.5);
  EXPECT_EQ(options.growth_interval, 2000);
}

TEST(GradScaler, ScalesTheLossAndSoItsGradient) {
  const GradScaler scaler({.init_scale = 1024});
  const torch::Tensor x = torch::tensor({3.0F}).requires_grad_();
  const torch::Tensor scaled = scaler.scale(x.square().sum());
  EXPECT_EQ(scaled.item<float>(), 9 * 1024);
  scaled.backward();
  EXPECT_EQ(x.grad().item<float>(), 6 * 1024);
}

TEST(GradScaler, ScalesAHalfLossInFloat) {
  const torch::Tensor scaled = GradScaler().scale(half({3}).sum());
  EXPECT_EQ(scaled.scalar_type(), torch::kFloat);
  EXPECT_EQ(scaled.item<float>(), 3 * 65536);
}

TEST(GradScaler, DividesGradientsInPlace) {
  const GradScaler scaler({.init_scale = 8});
  const std::vector<torch::Tensor> gradients{torch::tensor({8.0F, -4.0F}), torch::tensor({{16.0}}, torch::kDouble),
                                             half({24, 0})};
  EXPECT_FALSE(scaler.unscale(gradients));
  EXPECT_TRUE(gradients[0].equal(torch::tensor({1.0F, -0.5F})));
  EXPECT_TRUE(gradients[1].equal(torch::tensor({{2.0}}, torch::kDouble)));
  EXPECT_TRUE(gradients[2].equal(half({3, 0})));
}

/// 1 / 2^30 is 0 in half precision; 60000 / 2^30 is not.
TEST(GradScaler, DividesHalfGradientsInFloat) {
  const GradScaler scaler({.init_scale = 0x1p30});
  const torch::Tensor gradient = half({60000});
  EXPECT_FALSE(scaler.unscale({gradient}));
  EXPECT_EQ(gradient.item<float>(), half({60000.0F / 0x1p30F}).item<float>());
  EXPECT_GT(gradient.item<float>(), 0);
}

TEST(GradScaler, FindsAnyElementThatIsNotFinite) {
  const GradScaler scaler;
  EXPECT_TRUE(scaler.unscale({torch::ones({3}), torch::tensor({1.0F, kFloatInfinity})}));
  EXPECT_TRUE(scaler.unscale({torch::tensor({-kFloatInfinity, 1.0F}), torch::ones({3})}));
  EXPECT_TRUE(scaler.unscale({torch::tensor({kFloatInfinity, -kFloatInfinity})}));
  EXPECT_TRUE(scaler.unscale({torch::tensor({1.0F, kFloatNan})}));
  EXPECT_TRUE(scaler.unscale({half({kFloatNan, 1}), torch::ones({3})}));
  EXPECT_TRUE(scaler.unscale({half({70000})}));  // overflowed on the way to half
}

TEST(GradScaler, TakesLargeFiniteGradients) {
  const GradScaler scaler({.init_scale = 1});
  EXPECT_FALSE(scaler.unscale({torch::full({100}, 1e30F), half({65504, 65504})}));
  EXPECT_FALSE(scaler.unscale({}));
  EXPECT_FALSE(scaler.unscale({torch::empty({0}), torch::zeros({2})}));
}

TEST(GradScaler, GrowsAfterSoManyGoodStepsInARow) {
  GradScaler scaler({.init_scale = 4, .growth_factor = 3, .growth_interval = 3});
  scaler.update(false);
  scaler.update(false);
  EXPECT_EQ(scaler.current_scale(), 4);
  scaler.update(false);
  EXPECT_EQ(scaler.current_scale(), 12);
  for (int i = 0; i < 3; ++i) scaler.update(false);
  EXPECT_EQ(scaler.current_scale(), 36);
}

TEST(GradScaler, BacksOffAndCountsAnew) {
  GradScaler scaler({.init_scale = 4, .growth_interval = 3});
  scaler.update(false);
  scaler.update(false);
  scaler.update(true);
  EXPECT_EQ(scaler.current_scale(), 2);
  EXPECT_EQ(scaler.good_steps(), 0);
  scaler.update(false);
  scaler.update(false);
  EXPECT_EQ(scaler.current_scale(), 2);
  scaler.update(false);
  EXPECT_EQ(scaler.current_scale(), 4);
}

TEST(GradScaler, NeverGrowsPastWhatFloatHolds) {
  GradScaler scaler({.init_scale = 0x1p126, .growth_interval = 1});
  for (int i = 0; i < 5; ++i) scaler.update(false);
  EXPECT_EQ(scaler.current_scale(), 0x1p127);
}

TEST(GradScaler, GivesUpBelowTheSmallestScale) {
  GradScaler scaler({.init_scale = 4, .min_scale = 1});
  scaler.update(true);
  scaler.update(true);
  EXPECT_EQ(scaler.current_scale(), 1);
  EXPECT_EQ(
      thrown_message<DivergedError>([&] { scaler.update(true); }),
      "the gradients are not finite even with the loss scaled by 1; lower the learning rate (`base_lr`), or train "
      "with `precision` bf16 or fp32");
}

/// f(x) = (100 x)² / 2, whose scaled gradient passes through half precision: it fits only at small scales. The scaler
/// finds one and descends with it.
TEST(GradScaler, FindsTheScaleAtWhichAHalfModelTrains) {
  GradScaler scaler({.growth_interval = 50});
  torch::Tensor x = torch::tensor({0.5F}).requires_grad_();
  int skipped = 0;
  for (int step = 0; step < 60; ++step) {
    const torch::Tensor loss = (x.to(torch::kHalf) * 100).to(torch::kFloat).square().sum() / 2;
    scaler.scale(loss).backward();
    const bool is_infinite = scaler.unscale({x.grad()});
    skipped += is_infinite ? 1 : 0;
    if (!is_infinite) x.data().sub_(x.grad(), 5e-5);
    x.mutable_grad() = torch::Tensor();
    scaler.update(is_infinite);
  }
  EXPECT_GT(skipped, 3);
  EXPECT_LT(skipped, 20);
  EXPECT_LT(std::abs(x.item<float>()), 1e-3);
}

TEST(GradScaler, GoesOnFromItsState) {
  GradScaler scaler({.init_scale = 8, .growth_interval = 3});
  scaler.update(true);
  scaler.update(false);
  GradScaler other({.growth_interval = 3});
  other.load_state(nlohmann::ordered_json::parse(scaler.state().dump()), "last.safetensors");
  EXPECT_EQ(other.state(), scaler.state());
  other.update(false);
  other.update(false);
  EXPECT_EQ(other.current_scale(), 8);
}

TEST(GradScaler, RefusesAStateThatIsNone) {
  GradScaler scaler;
  const auto load = [&](const char* text) { scaler.load_state(nlohmann::ordered_json::parse(text), "x.safetensors"); };
  EXPECT_THROW(load("{}"), core::FormatError);
  EXPECT_THROW(load("[1, 2]"), core::FormatError);
  EXPECT_THROW(load(R"({"scale": "8", "good_steps": 1})"), core::FormatError);
  EXPECT_THROW(load(R"({"scale": 0, "good_steps": 1})"), core::FormatError);
  EXPECT_THROW(load(R"({"scale": 1e300, "good_steps": 1})"), core::FormatError);
  EXPECT_THROW(load(R"({"scale": 8, "good_steps": -1})"), core::FormatError);
  EXPECT_EQ(scaler.current_scale(), 65536);
}

TEST(GradScaler, RefusesOptionsOutsideTheirRange) {
  EXPECT_THROW(GradScaler({.init_scale = 0}), std::invalid_argument);
  EXPECT_THROW(GradScaler({.growth_factor = 0.5}), std::invalid_argument);
  EXPECT_THROW(GradScaler({.backoff_factor = 1}), std::invalid_argument);
  EXPECT_THROW(GradScaler({.growth_interval = 0}), std::invalid_argument);
}

}  // namespace

}  // namespace margay::train
