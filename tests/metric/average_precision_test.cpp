#include "margay/metric/average_precision.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"

namespace margay::metric {
namespace {

TEST(AveragePrecision, IsScikitLearns) {
  for (const auto& each : testing_support::golden("interpretation.json")["several_labels"]) {
    const torch::Tensor logits = testing_support::tensor_of(each["logits"]);
    const AveragePrecisions result = average_precisions(logits, testing_support::tensor_of(each["targets"]));
    for (std::size_t k = 0; k < result.classes.size(); ++k) {
      const auto& expected = each["average_precision"][k];
      if (expected.is_null()) {
        EXPECT_TRUE(std::isnan(result.classes[k].value)) << each["name"];
      } else {
        EXPECT_NEAR(result.classes[k].value, expected, 1e-12) << each["name"] << k;
      }
    }
    EXPECT_NEAR(result.mean.value, each["mean_average_precision"], 1e-12) << each["name"];
  }
}

TEST(AveragePrecision, CountsEqualScoresTogether) {
  const torch::Tensor scores = torch::tensor({1.0, 1.0, 0.0});
  EXPECT_DOUBLE_EQ(average_precision(scores, torch::tensor({true, false, true})), 0.5 * 0.5 + 0.5 * 2 / 3);
}

/// The images of a class, each as often as in one replicate.
double by_repeating(const torch::Tensor& scores, const torch::Tensor& targets, const std::vector<std::uint8_t>& counts,
                    std::size_t lane) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < scores.size(0); ++row) {
    rows.insert(rows.end(), counts[static_cast<std::size_t>(row) * 64 + lane], row);
  }
  const torch::Tensor index = torch::tensor(rows);
  return average_precision(scores.index_select(0, index), targets.index_select(0, index));
}

TEST(AveragePrecision, OfAResampleIsThatOfItsRepeatedImages) {
  torch::manual_seed(3);
  const torch::Tensor scores = torch::randn({300, 2}).mul(4).round();
  const torch::Tensor targets = torch::rand({300, 2}) < torch::tensor({0.3, 0.9});
  const Resamples resamples(300, {}, {.replicates = 100});
  std::vector<double> values;
  for (std::size_t replicate = 0; replicate < 100; ++replicate) {
    values.push_back(by_repeating(scores.select(1, 1), targets.select(1, 1),
                                  resamples.counts(static_cast<std::int64_t>(replicate / 64)), replicate % 64));
  }
  const Interval expected = resamples.interval(values, 1);
  const Interval interval = average_precisions(scores, targets, &resamples).classes[1].interval;
  EXPECT_NEAR(interval.low, expected.low, 1e-12);
  EXPECT_NEAR(interval.high, expected.high, 1e-12);
}

TEST(AveragePrecision, OfAPerfectRankingHasWidth) {
  const torch::Tensor scores = torch::arange(20, torch::kFloat).unsqueeze(1);
  const Resamples resamples(20, {});
  const AveragePrecisions result = average_precisions(scores, scores > 12.5, &resamples);
  EXPECT_EQ(result.classes[0].value, 1);
  EXPECT_DOUBLE_EQ(result.classes[0].interval.low, wilson_interval(7, 7).low);
}

TEST(AveragePrecision, RefusesScoresThatAreNonFinite) {
  torch::Tensor scores = torch::zeros({3, 1});
  scores[1][0] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(average_precisions(scores, torch::ones({3, 1})), std::invalid_argument);
  EXPECT_THROW(average_precisions(torch::zeros({3, 2}), torch::ones({3, 1})), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
