#include "margay/interpret/classification_report.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/kept_predictions.h"

namespace margay::interpret {
namespace {

using testing_support::golden;
using testing_support::tensor_of;

predict::KeptPredictions kept_of(const nlohmann::json& golden_case) {
  torch::Tensor targets = tensor_of(golden_case["targets"]);
  if (targets.dim() == 1) targets = targets.to(torch::kLong);
  return testing_support::kept_predictions(tensor_of(golden_case["logits"]), targets);
}

ClassificationReport report_of(const predict::KeptPredictions& kept, double zero_division = 0) {
  const metric::Resamples resamples(kept.size(), {}, {.replicates = 100});
  return classification_report(judge_images(kept), kept.vocabulary.names(), resamples, {},
                               {.zero_division = zero_division});
}

void expect_row(const ReportRow& row, const nlohmann::json& expected) {
  EXPECT_NEAR(row.precision.value, expected["precision"], 1e-12);
  EXPECT_NEAR(row.recall.value, expected["recall"], 1e-12);
  EXPECT_NEAR(row.f1.value, expected["f1-score"], 1e-12);
  EXPECT_EQ(row.support, expected["support"]);
}

void expect_report(const ClassificationReport& report, const nlohmann::json& expected) {
  for (const ClassReport& row : report.classes) {
    const std::string key = std::to_string(row.index);
    EXPECT_EQ(row.is_absent(), !expected.contains(key)) << key;
    if (expected.contains(key)) expect_row(row, expected[key]);
  }
  for (const ReportRow& row : report.averages) {
    SCOPED_TRACE(row.name);
    if (row.name == "accuracy") {
      EXPECT_NEAR(row.f1.value, expected["accuracy"], 1e-12);
    } else {
      expect_row(row, expected[row.name]);
    }
  }
}

TEST(ClassificationReport, IsScikitLearnsWithBothZeroDivisions) {
  for (const char* task : {"one_label", "several_labels"}) {
    for (const auto& each : golden("interpretation.json")[task]) {
      for (const int zero_division : {0, 1}) {
        SCOPED_TRACE(each["name"].get<std::string>() + " " + std::to_string(zero_division));
        expect_report(report_of(kept_of(each), zero_division),
                      each["report_zero_division_" + std::to_string(zero_division)]);
      }
    }
  }
}

TEST(ClassificationReport, HasScikitLearnsBalancedAccuracy) {
  for (const auto& each : golden("interpretation.json")["one_label"]) {
    EXPECT_NEAR(report_of(kept_of(each)).balanced_accuracy.value, each["balanced_accuracy"], 1e-12) << each["name"];
  }
}

TEST(ClassificationReport, LeavesUndefinedNumbersOutOfAveragesWithNan) {
  const auto kept = testing_support::kept_predictions(testing_support::logits_for({0, 0, 1}, 3),
                                                      torch::tensor({0, 2, 1}, torch::kLong));
  const ClassificationReport report = report_of(kept, std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(std::isnan(report.classes[2].precision.value));
  EXPECT_EQ(report.classes[2].recall.value, 0);
  EXPECT_DOUBLE_EQ(report.averages[1].precision.value, (0.5 + 1) / 2);
  EXPECT_DOUBLE_EQ(report.averages[1].recall.value, (1.0 + 1 + 0) / 3);
}

TEST(ClassificationReport, GivesClassesTheIntervalsOfTheirShares) {
  const auto kept = testing_support::kept_predictions(testing_support::logits_for({0, 0, 0, 1, 1}, 2),
                                                      torch::tensor({0, 0, 1, 1, 0}, torch::kLong));
  const ClassReport row = report_of(kept).classes[0];
  EXPECT_DOUBLE_EQ(row.precision.interval.low, metric::wilson_interval(2, 3).low);
  EXPECT_DOUBLE_EQ(row.recall.interval.high, metric::wilson_interval(2, 3).high);
  const metric::Interval either = metric::wilson_interval(2, 4);
  EXPECT_DOUBLE_EQ(row.f1.value, 2.0 * 2 / (3 + 3));
  EXPECT_DOUBLE_EQ(row.f1.interval.low, 2 * either.low / (1 + either.low));
}

predict::KeptPredictions chosen_rows(const predict::KeptPredictions& kept, const std::vector<std::int64_t>& rows) {
  const torch::Tensor index = torch::tensor(rows);
  return testing_support::kept_predictions(kept.rows.logits.index_select(0, index),
                                           kept.rows.targets.index_select(0, index));
}

/// The rows of one replicate, each as often as it was drawn.
std::vector<std::int64_t> drawn_rows(const metric::Resamples& resamples, std::int64_t replicate) {
  const std::vector<std::uint8_t> counts = resamples.counts(replicate / 64);
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < resamples.images(); ++row) {
    rows.insert(rows.end(), counts[static_cast<std::size_t>(row * 64 + replicate % 64)], row);
  }
  return rows;
}

TEST(ClassificationReport, ResamplesItsAveragesAsReportsOfTheRepeatedImages) {
  torch::manual_seed(4);
  for (const bool is_multi : {false, true}) {
    const torch::Tensor targets =
        is_multi ? (torch::rand({30, 3}) > 0.6).to(torch::kFloat) : torch::randint(3, {30}, torch::kLong);
    const auto kept = testing_support::kept_predictions(torch::randn({30, 3}), targets);
    const metric::Resamples resamples(30, {}, {.replicates = 100});
    const ClassificationReport report = classification_report(judge_images(kept), kept.vocabulary.names(), resamples);
    std::vector<double> precision;
    std::vector<double> weighted_f1;
    for (std::int64_t replicate = 0; replicate < 100; ++replicate) {
      const ClassificationReport repeated = report_of(chosen_rows(kept, drawn_rows(resamples, replicate)));
      precision.push_back(repeated.averages[1].precision.value);
      weighted_f1.push_back(repeated.averages[2].f1.value);
    }
    const metric::Interval of_precision = resamples.interval(precision, 1);
    EXPECT_NEAR(report.averages[1].precision.interval.low, of_precision.low, 1e-12) << is_multi;
    EXPECT_NEAR(report.averages[1].precision.interval.high, of_precision.high, 1e-12) << is_multi;
    EXPECT_NEAR(report.averages[2].f1.interval.low, resamples.interval(weighted_f1, 1).low, 1e-12) << is_multi;
  }
}

TEST(ClassificationReport, OfWhatIsAllRightHasIntervalsWithWidth) {
  const auto kept = testing_support::kept_predictions(testing_support::logits_for({0, 0, 1, 1}, 2),
                                                      torch::tensor({0, 0, 1, 1}, torch::kLong));
  const ClassificationReport report = report_of(kept);
  for (const ReportRow& row : report.averages) {
    EXPECT_EQ(row.f1.value, 1) << row.name;
    EXPECT_LT(row.f1.interval.low, 0.6) << row.name;
    EXPECT_EQ(row.f1.interval.high, 1) << row.name;
  }
  EXPECT_DOUBLE_EQ(report.balanced_accuracy.interval.low, metric::wilson_interval(4, 4).low);
}

TEST(ClassificationReport, CountsRefusedImagesAsMissed) {
  auto kept = testing_support::kept_predictions(testing_support::logits_for({0, 0, 1}, 2),
                                                torch::tensor({0, 0, 1}, torch::kLong));
  kept.refused = torch::tensor({true, false, false});
  const ClassificationReport report = report_of(kept);
  EXPECT_EQ(report.refused, 1);
  EXPECT_EQ(report.classes[0].refused, 1);
  EXPECT_EQ(report.classes[0].recall.value, 0.5);
  EXPECT_EQ(report.classes[0].precision.value, 1);
  EXPECT_EQ(report.averages[0].name, "micro avg");
  EXPECT_DOUBLE_EQ(report.averages[0].recall.value, 2.0 / 3);
}

TEST(ClassificationReport, KeepsGroupsTogether) {
  std::vector<std::int64_t> predicted;
  std::vector<std::int64_t> label;
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 90; ++i) {
    label.push_back(i / 45);
    predicted.push_back(i / 9 % 3 == 0 ? 1 - label.back() : label.back());  // a third of the groups is wrong
    groups.push_back(i / 9);
  }
  const auto kept = testing_support::kept_predictions(testing_support::logits_for(predicted, 2), torch::tensor(label));
  const JudgedImages images = judge_images(kept);
  const auto width = [](const metric::Estimate& estimate) { return estimate.interval.high - estimate.interval.low; };
  const ClassificationReport alone = classification_report(images, {"a", "b"}, metric::Resamples(90, {}));
  const ClassificationReport grouped = classification_report(images, {"a", "b"}, metric::Resamples(90, groups), groups);
  EXPECT_GT(width(grouped.classes[0].recall), 1.5 * width(alone.classes[0].recall));
  EXPECT_GT(width(grouped.averages[1].f1), 1.5 * width(alone.averages[1].f1));
}

TEST(ClassificationReport, IsPrintedWithScikitLearnsColumns) {
  const auto kept = testing_support::kept_predictions(testing_support::logits_for({0, 1, 1}, 2),
                                                      torch::tensor({0, 1, 0}, torch::kLong));
  EXPECT_EQ(report_table(report_of(kept)),
            "              precision  recall  f1-score  support\n"
            "a                  1.00    0.50      0.67        2\n"
            "b                  0.50    1.00      0.67        1\n"
            "\n"
            "accuracy                             0.67        3\n"
            "macro avg          0.75    0.75      0.67        3\n"
            "weighted avg       0.83    0.67      0.67        3\n");
}

TEST(ClassificationReport, NeedsLabelsAndAZeroDivisionThatExists) {
  EXPECT_THROW(report_of(testing_support::kept_predictions(torch::zeros({1, 2}))), std::invalid_argument);
  const auto kept = testing_support::kept_predictions(torch::zeros({1, 2}), torch::zeros({1}, torch::kLong));
  EXPECT_THROW(report_of(kept, 0.5), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
