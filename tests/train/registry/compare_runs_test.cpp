#include "margay/train/registry/compare_runs.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/run_folders.h"

namespace margay::train {
namespace {

/// Runs of one epoch with these error rates, each of `images`.
RunResult errors(const std::string& label, const std::vector<double>& rates, std::int64_t images = 100) {
  std::vector<RunRecord> runs;
  for (const double rate : rates) {
    runs.push_back({.valid_images = images, .epochs = {testing_support::error_epoch(0, rate)}});
  }
  return result_of(label, runs, "error_rate");
}

TEST(CompareRuns, TakesSharesOfImagesForSingleRuns) {
  const RunComparison comparison = compare_results(errors("a", {0.2}), errors("b", {0.19}));
  EXPECT_EQ(comparison.noise, Noise::kImages);
  EXPECT_EQ(verdict(comparison),
            "error_rate: b is 0.0100 lower than a; the noise of this comparison is 0.1098 (1.96 standard errors of "
            "shares of 100 and 100 images, unpaired): no difference can be claimed");
  EXPECT_NE(verdict(compare_results(errors("a", {0.2}), errors("b", {0.4}))).find("is beyond it (p = 0.002)"),
            std::string::npos);
}

TEST(CompareRuns, TakesTheSpreadOfRepeats) {
  const RunResult a = errors("a", {0.10, 0.12, 0.14});
  EXPECT_NEAR(a.standard_error().value(), 0.02 / std::sqrt(3.0), 1e-12);
  const RunComparison both = compare_results(a, errors("b", {0.20, 0.22, 0.24}));
  EXPECT_EQ(both.noise, Noise::kRepeats);
  EXPECT_TRUE(both.difference.is_beyond_noise());
  const RunComparison one = compare_results(errors("c", {0.15}), a);
  EXPECT_EQ(one.noise, Noise::kOneRepeat);
  EXPECT_NEAR(one.difference.value, -0.03, 1e-12);
  EXPECT_FALSE(one.difference.is_beyond_noise());
}

TEST(CompareRuns, FallsBackToImagesWhereRepeatsDoNotDiffer) {
  const RunComparison comparison = compare_results(errors("a", {0.10, 0.10}, 20), errors("b", {0.15, 0.15}, 20));
  EXPECT_EQ(comparison.noise, Noise::kImages);
  EXPECT_FALSE(comparison.difference.is_beyond_noise());
}

TEST(CompareRuns, SaysWhenNothingCanBeSaid) {
  const std::vector<RunRecord> run = {{.epochs = {testing_support::error_epoch(0, 0.1)}}};
  const std::vector<RunRecord> other = {{.epochs = {testing_support::error_epoch(0, 0.2)}}};
  const auto say = [&](const char* metric) {
    return verdict(compare_results(result_of("a", run, metric), result_of("b", other, metric)));
  };
  EXPECT_EQ(
      say("valid_loss"),
      "valid_loss: b is 0.2000 higher than a; how much of it is noise cannot be said: one valid_loss has no error "
      "bar, repeats with other seeds would give it one");
  EXPECT_NE(say("error_rate").find("how many images validated is not written down"), std::string::npos);
  EXPECT_THROW(say("accuracy"), std::invalid_argument);
}

TEST(CompareRuns, DoesNotMixRunsOfDifferentImages) {
  const std::vector<RunRecord> runs = {{.valid_images = 100, .epochs = {testing_support::error_epoch(0, 0.1)}},
                                       {.valid_images = 200, .epochs = {testing_support::error_epoch(0, 0.1)}}};
  EXPECT_FALSE(result_of("a", runs, "error_rate").valid_images);
}

}  // namespace
}  // namespace margay::train
