#include "margay/metric/bootstrap.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "margay/metric/standard_error.h"
#include "tests/support/golden.h"

namespace margay::metric {
namespace {

std::vector<double> random_values(std::size_t count) {
  core::Random random{7};
  std::vector<double> values(count);
  for (double& value : values) value = random.uniform() + random.uniform() + random.uniform();
  return values;
}

TEST(Resamples, DrawAsManyImagesAsThereAre) {
  const Resamples resamples(50, {}, {.replicates = 100});
  const std::vector<std::uint8_t> counts = resamples.counts(1);
  ASSERT_EQ(counts.size(), 50U * 64U);
  for (std::size_t lane = 0; lane < 64; ++lane) {
    int sum = 0;
    for (std::size_t image = 0; image < 50; ++image) sum += counts[image * 64 + lane];
    EXPECT_EQ(sum, 50) << lane;
  }
}

TEST(Resamples, DrawWholeGroups) {
  const std::vector<std::int64_t> groups = {9, -3, 9, 9, -3, 100};
  const Resamples resamples(6, groups);
  EXPECT_EQ(resamples.groups(), 3);
  const std::vector<std::uint8_t> counts = resamples.counts(0);
  for (std::size_t lane = 0; lane < 64; ++lane) {
    EXPECT_EQ(counts[0 * 64 + lane], counts[2 * 64 + lane]);
    EXPECT_EQ(counts[0 * 64 + lane], counts[3 * 64 + lane]);
    EXPECT_EQ(counts[1 * 64 + lane], counts[4 * 64 + lane]);
    EXPECT_EQ(counts[0 * 64 + lane] + counts[1 * 64 + lane] + counts[5 * 64 + lane], 3);
  }
}

TEST(Resamples, DoNotDependOnTheNumberOfThreads) {
  const int threads = at::get_num_threads();
  const Resamples resamples(1000, {});
  at::set_num_threads(1);
  const std::vector<std::uint8_t> one = resamples.counts(3);
  at::set_num_threads(4);
  EXPECT_EQ(resamples.counts(3), one);
  at::set_num_threads(threads);
}

TEST(Resamples, EndTheirIntervalWhereNumpysPercentileIs) {
  const auto golden = testing_support::golden("interpretation.json")["percentile"];
  auto values = golden["values"].get<std::vector<double>>();
  const Interval interval = Resamples(10, {}).interval(values, 0);
  EXPECT_NEAR(interval.low, golden["low"], 1e-12);
  EXPECT_NEAR(interval.high, golden["high"], 1e-12);
}

TEST(Resamples, TakeWilsonsIntervalWhereAllReplicatesAgree) {
  std::vector<double> ones(100, 1.0);
  const Interval interval = Resamples(10, {}).interval(ones, 12);
  EXPECT_DOUBLE_EQ(interval.low, wilson_interval(12, 12).low);
  EXPECT_EQ(interval.high, 1);
}

TEST(Resamples, KnowNoIntervalOfOneGroupOrOfMostlyUndefinedReplicates) {
  std::vector<double> values(100, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < 50; ++i) values[i] = static_cast<double>(i);
  EXPECT_FALSE(Resamples(10, {}).interval(values, 0).is_known());
  std::vector<double> numbers = random_values(100);
  const std::vector<std::int64_t> one_group(10, 4);
  EXPECT_FALSE(Resamples(10, one_group).interval(numbers, 0).is_known());
}

TEST(Resamples, RefuseAnotherNumberOfGroupsAndTooFewReplicates) {
  const std::vector<std::int64_t> groups = {1, 2};
  EXPECT_THROW(Resamples(3, groups), std::invalid_argument);
  EXPECT_THROW(Resamples(3, {}, {.replicates = 1}), std::invalid_argument);
}

TEST(BootstrapMean, HasAboutTheNormalInterval) {
  const std::vector<double> values = random_values(400);
  const Estimate estimate = bootstrap_mean(Resamples(400, {}), values);
  const ClusteredMean mean = clustered_mean(values);
  EXPECT_NEAR(estimate.value, mean.mean, 1e-12);
  EXPECT_NEAR(estimate.interval.low, mean.mean - 1.96 * mean.standard_error, 0.15 * mean.standard_error);
  EXPECT_NEAR(estimate.interval.high, mean.mean + 1.96 * mean.standard_error, 0.15 * mean.standard_error);
}

TEST(BootstrapMean, OfCopiesInGroupsIsThatOfTheOriginals) {
  const std::vector<double> values = random_values(30);
  std::vector<double> copies;
  std::vector<std::int64_t> groups;
  for (std::size_t i = 0; i < values.size(); ++i) {
    copies.insert(copies.end(), 5, values[i]);
    groups.insert(groups.end(), 5, static_cast<std::int64_t>(i));
  }
  const Estimate alone = bootstrap_mean(Resamples(30, {}), values);
  const Estimate grouped = bootstrap_mean(Resamples(150, groups), copies);
  EXPECT_NEAR(grouped.interval.low, alone.interval.low, 1e-12);
  EXPECT_NEAR(grouped.interval.high, alone.interval.high, 1e-12);
}

TEST(BootstrapMean, LeavesUndefinedValuesOut) {
  const std::vector<double> values = {1, std::numeric_limits<double>::quiet_NaN(), 3};
  EXPECT_DOUBLE_EQ(bootstrap_mean(Resamples(3, {}), values).value, 2);
}

}  // namespace
}  // namespace margay::metric
