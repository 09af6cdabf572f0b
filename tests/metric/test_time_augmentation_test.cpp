#include "margay/metric/test_time_augmentation.h"

#include <gtest/gtest.h>

namespace margay::metric {
namespace {

TEST(AverageDraws, AveragesProbabilitiesNotLogits) {
  const torch::Tensor plain = torch::tensor({{0.9F, 0.1F}}).log();
  const std::vector<torch::Tensor> draws = {torch::tensor({{0.2F, 0.8F}}).log(), torch::tensor({{0.6F, 0.4F}}).log()};
  const torch::Tensor p = torch::softmax(average_draws(plain, draws, Activation::kSoftmax, 0.25), 1);
  EXPECT_NEAR(p[0][0].item<double>(), 0.25 * 0.9 + 0.75 * 0.4, 1e-6);
  EXPECT_NEAR(p.sum().item<double>(), 1, 1e-6);
}

TEST(AverageDraws, TakesEachClassAloneForSigmoids) {
  const torch::Tensor plain = torch::tensor({{2.0F, -30.0F}});
  const torch::Tensor p = torch::sigmoid(average_draws(plain, {plain, plain}, Activation::kSigmoid, 0.25));
  EXPECT_TRUE(p.allclose(torch::sigmoid(plain)));
}

TEST(AverageDraws, StaysFiniteWhereProbabilitiesRoundToNothing) {
  const torch::Tensor plain = torch::tensor({{9000.0F, -9000.0F}});
  EXPECT_TRUE(average_draws(plain, {plain}, Activation::kSoftmax, 0.5).isfinite().all().item<bool>());
  EXPECT_TRUE(average_draws(plain, {plain}, Activation::kSigmoid, 0.5).isfinite().all().item<bool>());
}

TEST(AverageDraws, RefusesWhatDoesNotFit) {
  const torch::Tensor plain = torch::zeros({2, 3});
  EXPECT_THROW(average_draws(plain, {}, Activation::kSoftmax, 0.25), std::invalid_argument);
  EXPECT_THROW(average_draws(plain, {torch::zeros({1, 3})}, Activation::kSoftmax, 0.25), std::invalid_argument);
  EXPECT_THROW(average_draws(plain, {plain}, Activation::kSoftmax, 1.5), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
