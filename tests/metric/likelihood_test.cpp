#include "margay/metric/likelihood.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::metric {
namespace {

TEST(Probabilities, SumToOneOverTheClassesOnlyWithSoftmax) {
  const torch::Tensor logits = torch::tensor({{std::log(3.0), 0.0}}, torch::kDouble);
  EXPECT_TRUE(probabilities(logits, Activation::kSoftmax).allclose(torch::tensor({{0.75, 0.25}}, torch::kDouble)));
  EXPECT_TRUE(probabilities(logits, Activation::kSigmoid).allclose(torch::tensor({{0.75, 0.5}}, torch::kDouble)));
}

TEST(ImageLosses, AreMinusTheLogarithmOfTheTargetsProbability) {
  const torch::Tensor logits = torch::tensor({{std::log(3.0), 0.0}, {std::log(3.0), 0.0}, {0.0, 0.0}}, torch::kDouble);
  const torch::Tensor losses = image_losses(logits, torch::tensor({0, 1, -100}, torch::kLong), Activation::kSoftmax);
  EXPECT_TRUE(losses.allclose(torch::tensor({-std::log(0.75), -std::log(0.25), 0.0}, torch::kDouble)));
}

TEST(ImageLosses, AreTheMeanOverTheClassesWithSigmoids) {
  const torch::Tensor logits = torch::tensor({{std::log(3.0), 0.0}}, torch::kDouble);
  const torch::Tensor losses = image_losses(logits, torch::tensor({{0.0, 1.0}}, torch::kDouble), Activation::kSigmoid);
  EXPECT_NEAR(losses.item<double>(), (-std::log(0.25) - std::log(0.5)) / 2, 1e-12);
}

TEST(ImageLosses, RefuseTargetsThatAreNoClass) {
  EXPECT_THROW(image_losses(torch::zeros({1, 2}), torch::tensor({2}, torch::kLong), Activation::kSoftmax),
               std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
