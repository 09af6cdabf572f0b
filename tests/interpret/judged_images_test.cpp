#include "margay/interpret/judged_images.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/kept_predictions.h"

namespace margay::interpret {
namespace {

using testing_support::kept_predictions;

TEST(JudgedImages, TellTheTwoBestClassesAndTheMarginBetweenThem) {
  const float ln2 = std::log(2.0F);
  const JudgedImages images =
      judge_images(kept_predictions(torch::tensor({{0.0F, ln2, 0.0F}}), torch::tensor({2}, torch::kLong)));
  EXPECT_EQ(images.best[0], 1);
  EXPECT_EQ(images.second[0], 0);
  EXPECT_FLOAT_EQ(images.probability[0], 0.5F);
  EXPECT_FLOAT_EQ(images.margin[0], 0.25F);
  EXPECT_FLOAT_EQ(images.label_probability[0], 0.25F);
  EXPECT_NEAR(images.loss[0], std::log(4.0), 1e-6);
  EXPECT_EQ(images.label_rank[0], 2);
  EXPECT_FALSE(images.is_right[0]);
}

TEST(JudgedImages, AreJudgedInPartsAsInOne) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({40, 200'000});  // 20 images a part
  const torch::Tensor targets = torch::randint(200'000, {40}, torch::kLong);
  const JudgedImages images = judge_images(kept_predictions(logits, targets));
  const torch::Tensor best = logits.argmax(1);
  const torch::Tensor losses = metric::image_losses(logits, targets, metric::Activation::kSoftmax);
  for (std::int64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(images.best[static_cast<std::size_t>(i)], best[i].item<std::int64_t>());
    EXPECT_NEAR(images.loss[static_cast<std::size_t>(i)], losses[i].item<float>(), 1e-5);
  }
}

TEST(JudgedImages, AreCalibratedWithoutChangingADecision) {
  torch::manual_seed(3);
  predict::KeptPredictions kept =
      kept_predictions(torch::randn({50, 4}), (torch::rand({50, 4}) > 0.5).to(torch::kFloat));
  const JudgedImages raw = judge_images(kept, 0.7);
  kept.rows.temperature = 2.5;
  const JudgedImages calibrated = judge_images(kept, 0.7);
  EXPECT_EQ(calibrated.predicted_classes.classes, raw.predicted_classes.classes);
  EXPECT_EQ(calibrated.is_right, raw.is_right);
  EXPECT_LT(calibrated.threshold, 0.7);
  EXPECT_NE(calibrated.loss, raw.loss);
}

TEST(JudgedImages, OfSeveralLabelsAreNearestToTheBorderInOneClass) {
  const JudgedImages images =
      judge_images(kept_predictions(torch::tensor({{4.0F, 0.1F, -3.0F}}), torch::tensor({{1.0F, 0.0F, 0.0F}})));
  EXPECT_EQ(images.border_class[0], 1);
  EXPECT_NEAR(images.margin[0], 1 / (1 + std::exp(-0.1)) - 0.5, 1e-6);
  EXPECT_EQ(images.predicted_classes.classes, (std::vector<std::int32_t>{0, 1}));
  EXPECT_FALSE(images.is_right[0]);
}

TEST(JudgedImages, AreNeverRightWhereRefused) {
  predict::KeptPredictions kept =
      kept_predictions(testing_support::logits_for({0, 1}, 2), torch::tensor({0, 1}, torch::kLong));
  kept.refused = torch::tensor({true, false});
  const JudgedImages images = judge_images(kept);
  EXPECT_EQ(images.is_right, (std::vector<bool>{false, true}));
  EXPECT_TRUE(images.refused(0));
}

TEST(JudgedImages, OfOneClassHaveNoSecondOne) {
  const JudgedImages images = judge_images(kept_predictions(torch::zeros({2, 1}), torch::zeros({2}, torch::kLong)));
  EXPECT_EQ(images.second[0], -1);
  EXPECT_EQ(images.margin[0], 1);
  EXPECT_TRUE(images.is_right[1]);
}

TEST(JudgedImages, RefuseAThresholdThatIsNoProbability) {
  EXPECT_THROW(judge_images(kept_predictions(torch::zeros({1, 2})), 1.5), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
