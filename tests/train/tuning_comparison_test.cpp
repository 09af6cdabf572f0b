#include "margay/train/tuning_comparison.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace margay::train {
namespace {

/// losses: one an image; errors: 0 or 1 an image; ids 0, 1, …
ImageScores scores_of(const std::vector<double>& losses, const std::vector<double>& errors) {
  const auto rows = static_cast<std::int64_t>(losses.size());
  return {.ids = torch::arange(rows, torch::kInt64),
          .losses = torch::tensor(losses, torch::kDouble),
          .errors = torch::tensor(errors, torch::kDouble)};
}

TEST(TuningComparison, IsBetterWhereTheLossFallsBeyondChance) {
  const TuningComparison comparison =
      compare_tuning(scores_of({1, 2, 3, 4}, {0, 0, 1, 1}), scores_of({0.5, 1.4, 2.6, 3.5}, {0, 0, 1, 0}));
  EXPECT_EQ(comparison.verdict, TuningVerdict::kBetter);
  EXPECT_TRUE(comparison.is_end_better());
  EXPECT_EQ(comparison.images, 4);
  EXPECT_EQ(comparison.start_error, 0.5);
  EXPECT_EQ(comparison.end_error, 0.25);
  EXPECT_NEAR(comparison.loss.value, -0.5, 1e-12);
  ASSERT_TRUE(comparison.mcnemar);
  EXPECT_EQ(comparison.mcnemar->only_first_errs, 1);
  EXPECT_NE(comparison.text().find("better than its probe on the same 4 images: error 0.2500 after 0.5000"),
            std::string::npos);
}

TEST(TuningComparison, IsWorseWhereEitherRisesThoughTheOtherFalls) {
  // Ten images become wrong (p 2/1024), while the loss falls alike everywhere.
  const std::vector<double> right(10, 0.0);
  const std::vector<double> wrong(10, 1.0);
  const std::vector<double> before{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<double> after{0.5, 1.4, 2.5, 3.4, 4.5, 5.4, 6.5, 7.4, 8.5, 9.4};
  const TuningComparison comparison = compare_tuning(scores_of(before, right), scores_of(after, wrong));
  EXPECT_EQ(comparison.verdict, TuningVerdict::kWorse);
  EXPECT_FALSE(comparison.is_end_better());
}

TEST(TuningComparison, WithinNoiseKeepsTheLowerLoss) {
  const TuningComparison lower = compare_tuning(scores_of({1, 2, 3}, {0, 1, 1}), scores_of({2, 1, 2}, {0, 1, 1}));
  EXPECT_EQ(lower.verdict, TuningVerdict::kWithinNoise);
  EXPECT_TRUE(lower.is_end_better());
  const TuningComparison higher = compare_tuning(scores_of({2, 1, 2}, {0, 1, 1}), scores_of({1, 2, 3}, {0, 1, 1}));
  EXPECT_EQ(higher.verdict, TuningVerdict::kWithinNoise);
  EXPECT_FALSE(higher.is_end_better());
}

TEST(TuningComparison, OfImagesInGroupsTakesThemTogether) {
  const std::vector<double> before{1, 1, 1, 2, 2, 2};
  const std::vector<double> after{0.9, 0.9, 0.9, 2.05, 2.05, 2.05};
  const auto groups = torch::tensor(std::vector<std::int64_t>{0, 0, 0, 1, 1, 1});
  const std::vector<double> right(6, 0.0);
  const TuningComparison comparison = compare_tuning(scores_of(before, right), scores_of(after, right), groups);
  EXPECT_FALSE(comparison.mcnemar);
  EXPECT_EQ(comparison.loss.freedom, 1);
  EXPECT_EQ(comparison.verdict, TuningVerdict::kWithinNoise);
}

TEST(TuningComparison, IsOfTheImagesThatBothCouldRead) {
  ImageScores end = scores_of({1, 1, 1}, {0, 0, 0});
  end.ids = torch::tensor(std::vector<std::int64_t>{1, 2, 9});
  const TuningComparison comparison = compare_tuning(scores_of({5, 2, 2}, {1, 0, 0}), end);
  EXPECT_EQ(comparison.images, 2);
  EXPECT_EQ(comparison.start_loss, 2);
  EXPECT_THROW(compare_tuning(scores_of({1}, {0}), scores_of({1}, {0})), std::invalid_argument);
}

TEST(TuningComparison, OfSeveralLabelsCountsTheirShare) {
  predict::Predictions predictions{.logits = torch::tensor({{1.0F, -1.0F}, {1.0F, 1.0F}}),
                                   .targets = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}}),
                                   .losses = torch::tensor({0.3F, 0.8F}),
                                   .ids = {3, 5}};
  const ImageScores scores = image_scores(predictions, data::Task::kMultiLabel);
  EXPECT_TRUE(scores.errors.equal(torch::tensor({0.0, 0.5}, torch::kDouble)));
  EXPECT_TRUE(scores.ids.equal(torch::tensor(std::vector<std::int64_t>{3, 5})));
  EXPECT_FALSE(compare_tuning(scores, scores).mcnemar);
}

TEST(TuningComparison, IsJson) {
  const auto json = to_json(compare_tuning(scores_of({1, 2}, {0, 1}), scores_of({1, 2}, {0, 1})));
  EXPECT_EQ(json["verdict"], "within noise");
  EXPECT_EQ(json["images"], 2);
  EXPECT_EQ(json["mcnemar"]["mid_p"], 1.0);
}

}  // namespace
}  // namespace margay::train
