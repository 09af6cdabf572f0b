#include "margay/metric/detection.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::metric {
namespace {

torch::Tensor scores(const std::vector<double>& values) { return torch::tensor(values, torch::kDouble); }

TEST(Detection, OfSeparatedScoresIsPerfect) {
  const Detection found = detection(scores({3, 4, 5}), scores({1, 2}));
  EXPECT_EQ(found.auroc, 1);
  EXPECT_EQ(found.aupr, 1);
  EXPECT_EQ(found.fpr_at_95, 0);
  const Detection turned = detection(scores({1, 2}), scores({3, 4, 5}));
  EXPECT_EQ(turned.auroc, 0);
  EXPECT_EQ(turned.fpr_at_95, 1);
}

TEST(Detection, CountsEqualScoresHalf) {
  EXPECT_DOUBLE_EQ(detection(scores({1, 1}), scores({1})).auroc, 0.5);
  // The pairs 2-1, 2-2, 1-1, 1-2: one, half, half, none.
  EXPECT_DOUBLE_EQ(detection(scores({2, 1}), scores({1, 2})).auroc, 0.5);
}

TEST(Detection, IsTheShareOfPairsInOrder) {
  torch::manual_seed(1);
  const torch::Tensor positives = (torch::randn({37}, torch::kDouble) + 1).mul(4).round();
  const torch::Tensor negatives = torch::randn({53}, torch::kDouble).mul(4).round();
  const torch::Tensor difference = positives.unsqueeze(1) - negatives.unsqueeze(0);
  const double pairs =
      ((difference > 0).to(torch::kDouble) + (difference == 0).to(torch::kDouble) / 2).mean().item<double>();
  EXPECT_NEAR(detection(positives, negatives).auroc, pairs, 1e-12);
}

TEST(Detection, HasScikitLearnsAveragePrecision) {
  // average_precision_score([0, 0, 1, 1], [.1, .4, .35, .8]) of scikit-learn's documentation.
  EXPECT_NEAR(detection(scores({0.35, 0.8}), scores({0.1, 0.4})).aupr, 0.8333333333333333, 1e-12);
}

TEST(Detection, TakesTheThresholdThatMostPositivesReach) {
  // 19 of 20 positives are 95 %, so the one at 0 need not be reached; one of four negatives lies above 1.
  torch::Tensor positives = torch::ones({20}, torch::kDouble);
  positives[7] = 0;
  EXPECT_DOUBLE_EQ(detection(positives, scores({0, 0.5, 0.9, 1.5})).fpr_at_95, 0.25);
}

TEST(Detection, TakesInfinitiesAndRefusesNan) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(detection(scores({kInfinity}), scores({1, 2})).auroc, 1);
  EXPECT_THROW(detection(scores({std::nan("")}), scores({1})), std::invalid_argument);
  EXPECT_THROW(detection(scores({1}).unsqueeze(0), scores({1})), std::invalid_argument);
}

TEST(Detection, IsUnknownWithoutOneOfTheKinds) {
  EXPECT_TRUE(std::isnan(detection(scores({1}), torch::empty({0}, torch::kDouble)).auroc));
  EXPECT_TRUE(std::isnan(detection(torch::empty({0}, torch::kDouble), scores({1})).fpr_at_95));
}

}  // namespace
}  // namespace margay::metric
