#include "margay/interpret/top_losses.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/kept_predictions.h"

namespace margay::interpret {
namespace {

using Rows = std::vector<std::int64_t>;

/// a: surely right; b: wrong, not sure; c: surely wrong; d: right, near the border.
predict::KeptPredictions four_images() {
  const torch::Tensor logits = torch::tensor({{6.0F, 0.0F}, {0.5F, 0.0F}, {4.0F, 0.0F}, {0.0F, 0.1F}});
  return testing_support::kept_predictions(logits, torch::tensor({0, 1, 1, 1}, torch::kLong));
}

TEST(TopLosses, AreTheHighestTheSurelyWrongTheLowestAndThoseNearTheBorder) {
  const JudgedImages images = judge_images(four_images());
  EXPECT_EQ(top_rows(images, TopLosses::kHighest, 2), (Rows{2, 1}));
  EXPECT_EQ(top_rows(images, TopLosses::kSurelyWrong, 9), (Rows{2, 1}));
  EXPECT_EQ(top_rows(images, TopLosses::kLowest, 1), (Rows{0}));
  EXPECT_EQ(top_rows(images, TopLosses::kBorder, 2), (Rows{3, 1}));
  EXPECT_EQ(top_rows(images, TopLosses::kLeastSure, 1), (Rows{3}));
}

TEST(TopLosses, OfEqualImagesAreInTheirOrder) {
  const JudgedImages images =
      judge_images(testing_support::kept_predictions(torch::zeros({5, 2}), torch::zeros({5}, torch::kLong)));
  EXPECT_EQ(top_rows(images, TopLosses::kHighest, 3), (Rows{0, 1, 2}));
}

TEST(TopLosses, WithoutLabelsAreThoseNearTheBorder) {
  predict::KeptPredictions kept = four_images();
  kept.rows.targets = torch::Tensor();
  const JudgedImages images = judge_images(kept);
  EXPECT_EQ(top_rows(images, TopLosses::kBorder, 1), (Rows{3}));
  EXPECT_THROW(top_rows(images, TopLosses::kHighest, 1), std::invalid_argument);
  EXPECT_THROW(cell_rows(images, 0, 0, 1), std::invalid_argument);
  const TopLoss described = describe_image(kept, images, 3);
  EXPECT_TRUE(std::isnan(described.loss));
  EXPECT_EQ(described.prediction, "b");
  EXPECT_EQ(described.border_class, "a");
}

TEST(TopLosses, DescribeAnImage) {
  const predict::KeptPredictions kept = four_images();
  const TopLoss described = describe_image(kept, judge_images(kept), 2);
  EXPECT_EQ(described.name, "2.png");
  EXPECT_EQ(described.label, "b");
  EXPECT_EQ(described.prediction, "a");
  EXPECT_NEAR(described.probability, 1 / (1 + std::exp(-4.0)), 1e-6);
  EXPECT_NEAR(described.loss, std::log1p(std::exp(4.0)), 1e-5);
  EXPECT_NEAR(described.label_probability, 1 - described.probability, 1e-6);
}

TEST(CellRows, AreTheImagesOfACellTheHighestLossFirst) {
  const JudgedImages images = judge_images(four_images());
  EXPECT_EQ(cell_rows(images, 1, 0, 12), (Rows{2, 1}));
  EXPECT_EQ(cell_rows(images, 1, 0, 1), (Rows{2}));
  EXPECT_EQ(cell_rows(images, 0, 1, 12), (Rows{}));
}

TEST(CellRows, OfNoneOfTheseAreTheRefusedOnes) {
  predict::KeptPredictions kept = four_images();
  kept.refused = torch::tensor({false, true, true, false});
  const JudgedImages images = judge_images(kept);
  EXPECT_EQ(cell_rows(images, 1, -1, 12), (Rows{2, 1}));
  EXPECT_EQ(top_rows(images, TopLosses::kSurelyWrong, 9), (Rows{}));
  EXPECT_EQ(describe_image(kept, images, 1).prediction, kNoneOfThese);
}

TEST(OutcomeRows, AreTheImagesWhereAClassIsFoundMissedOrWronglyPredicted) {
  const torch::Tensor logits = torch::tensor({{1.0F, -1.0F}, {1.0F, 1.0F}, {-2.0F, -1.0F}, {-1.0F, 1.0F}});
  const torch::Tensor targets = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}, {1.0F, 0.0F}, {1.0F, 1.0F}});
  const predict::KeptPredictions kept = testing_support::kept_predictions(logits, targets);
  const JudgedImages images = judge_images(kept);
  EXPECT_EQ(outcome_rows(images, 0, LabelOutcome::kTruePositive, 9), (Rows{0}));
  EXPECT_EQ(outcome_rows(images, 0, LabelOutcome::kFalsePositive, 9), (Rows{1}));
  EXPECT_EQ(outcome_rows(images, 0, LabelOutcome::kFalseNegative, 9), (Rows{2, 3}));
  EXPECT_EQ(describe_image(kept, images, 1).prediction, "a;b");
  EXPECT_EQ(describe_image(kept, images, 2).prediction, "");
  EXPECT_THROW(cell_rows(images, 0, 0, 1), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
