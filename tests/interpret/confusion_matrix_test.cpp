#include "margay/interpret/confusion_matrix.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/kept_predictions.h"

namespace margay::interpret {
namespace {

using testing_support::golden;
using testing_support::tensor_of;

void expect_two_by_two(const BinaryCounts& counts, const nlohmann::json& expected) {
  EXPECT_EQ(counts.true_negatives, expected[0][0]);
  EXPECT_EQ(counts.false_positives, expected[0][1]);
  EXPECT_EQ(counts.false_negatives, expected[1][0]);
  EXPECT_EQ(counts.true_positives, expected[1][1]);
}

TEST(ConfusionMatrix, IsScikitLearns) {
  for (const auto& each : golden("interpretation.json")["one_label"]) {
    const auto actual = each["targets"].get<std::vector<std::int32_t>>();
    const auto predicted = each["predictions"].get<std::vector<std::int32_t>>();
    const ConfusionMatrix matrix(actual, predicted, each["classes"]);
    testing_support::expect_near(matrix.counts().to(torch::kFloat), tensor_of(each["confusion_matrix"]), 0);
    testing_support::expect_near(matrix.row_shares(), tensor_of(each["confusion_matrix_true"]), 1e-7);
  }
}

TEST(ConfusionMatrix, KnowsItsTotals) {
  const std::vector<std::int32_t> actual = {0, 0, 0, 1, 2};
  const std::vector<std::int32_t> predicted = {0, 1, -1, 1, 1};
  const ConfusionMatrix matrix(actual, predicted, 4);
  EXPECT_EQ(matrix.images(), 5);
  EXPECT_EQ(matrix.right(), 2);
  EXPECT_EQ(matrix.row_total(0), 3);
  EXPECT_EQ(matrix.refused(0), 1);
  EXPECT_EQ(matrix.column_total(1), 3);
  EXPECT_EQ(matrix.count(0, 1), 1);
  EXPECT_EQ(matrix.count(3, 3), 0);
  EXPECT_DOUBLE_EQ(matrix.row_share(0, 1), 1.0 / 3);
  EXPECT_TRUE(std::isnan(matrix.row_share(3, 0)));
  EXPECT_EQ(matrix.row(0).size(), 2U);
  EXPECT_TRUE(matrix.row(3).empty());
}

TEST(ConfusionMatrix, OfAHundredThousandClassesKeepsOnlyCellsThatAreNotEmpty) {
  const std::vector<std::int32_t> actual = {99'999, 0, 99'999};
  const std::vector<std::int32_t> predicted = {5, 0, 5};
  const ConfusionMatrix matrix(actual, predicted, 100'000);
  EXPECT_EQ(matrix.cells().size(), 2U);
  EXPECT_EQ(matrix.count(99'999, 5), 2);
}

TEST(ConfusionMatrix, RefusesWhatIsNoClass) {
  const std::vector<std::int32_t> zero = {0};
  const std::vector<std::int32_t> three = {3};
  const std::vector<std::int32_t> refused = {-1};
  EXPECT_THROW(ConfusionMatrix(zero, three, 3), std::invalid_argument);
  EXPECT_THROW(ConfusionMatrix(refused, zero, 3), std::invalid_argument);
  EXPECT_THROW(ConfusionMatrix(zero, {}, 3), std::invalid_argument);
}

TEST(BinaryCounts, AreScikitLearnsOfOneLabelAndOfSeveral) {
  for (const char* task : {"one_label", "several_labels"}) {
    for (const auto& each : golden("interpretation.json")[task]) {
      torch::Tensor targets = tensor_of(each["targets"]);
      if (targets.dim() == 1) targets = targets.to(torch::kLong);
      const JudgedImages images = judge_images(testing_support::kept_predictions(tensor_of(each["logits"]), targets));
      const std::vector<BinaryCounts> counts = binary_counts(images, each["classes"]);
      for (std::size_t k = 0; k < counts.size(); ++k) {
        SCOPED_TRACE(each["name"].get<std::string>() + " " + std::to_string(k));
        expect_two_by_two(counts[k], each["multilabel_confusion_matrix"][k]);
      }
    }
  }
}

TEST(BinaryCounts, CountARefusedImageAsMissedAndAsNoAlarm) {
  predict::KeptPredictions kept =
      testing_support::kept_predictions(testing_support::logits_for({1, 1}, 2), torch::tensor({0, 1}, torch::kLong));
  kept.refused = torch::tensor({true, true});
  const std::vector<BinaryCounts> counts = binary_counts(judge_images(kept), 2);
  EXPECT_EQ(counts[0].false_negatives, 1);
  EXPECT_EQ(counts[1].false_negatives, 1);
  EXPECT_EQ(counts[1].false_positives, 0);
}

TEST(BinaryCounts, NeedLabels) {
  EXPECT_THROW(binary_counts(judge_images(testing_support::kept_predictions(torch::zeros({1, 2}))), 2),
               std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
