#include "margay/metric/standard_error.h"
#include "tests/support/special_numbers.h"

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace margay::metric {
namespace {

constexpr double kTolerance = 1e-9;

TEST(StandardError, OfAShareIsTheBinomialOne) {
  EXPECT_NEAR(share_standard_error(0.2, 100), 0.04, kTolerance);
  EXPECT_EQ(share_standard_error(0, 10), 0);
  EXPECT_TRUE(std::isnan(share_standard_error(0.5, 0)));
  EXPECT_THROW(share_standard_error(1.5, 10), std::invalid_argument);
  EXPECT_THROW(share_standard_error(0.5, -1), std::invalid_argument);
}

TEST(StandardError, OfRepeatsIsTheirDeviationOverTheRootOfTheirNumber) {
  const RepeatedMean repeats = repeated_mean(std::array{1.0, 2.0, 3.0});
  EXPECT_NEAR(repeats.mean, 2, kTolerance);
  EXPECT_NEAR(repeats.deviation, 1, kTolerance);
  EXPECT_NEAR(repeats.standard_error, 1 / std::sqrt(3.0), kTolerance);
  EXPECT_EQ(repeats.count, 3);
  EXPECT_THROW(repeated_mean(std::array{1.0}), std::invalid_argument);
}

// Closed forms: freedom 1 is Cauchy's distribution, 1 − 2 atan(t)/π; freedom 2 gives 1 − t/√(2 + t²).
TEST(StudentT, AgreesWithItsClosedForms) {
  for (const double t : {0.0, 0.3, 1.0, 2.0, 40.0}) {
    EXPECT_NEAR(student_two_sided(t, 1), 1 - 2 * std::atan(t) / M_PI, kTolerance) << t;
    EXPECT_NEAR(student_two_sided(-t, 2), 1 - t / std::sqrt(2 + t * t), kTolerance) << t;
    EXPECT_NEAR(student_two_sided(t, kInfinity), std::erfc(t / std::sqrt(2.0)), kTolerance) << t;
    EXPECT_NEAR(student_two_sided(t, 1e7), student_two_sided(t, kInfinity), 1e-6) << t;
  }
  EXPECT_THROW(student_two_sided(1, 0), std::invalid_argument);
}

TEST(StudentT, HasTheQuantilesOfTheTables) {
  EXPECT_NEAR(student_quantile_two_sided(0.05, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_quantile_two_sided(0.05, 4), 2.776445, 1e-6);
  EXPECT_NEAR(student_quantile_two_sided(0.05, kInfinity), 1.959964, 1e-6);
  EXPECT_THROW(student_quantile_two_sided(0, 4), std::invalid_argument);
}

TEST(CompareShares, PoolsTheShareThatBothWouldHave) {
  const Difference difference = compare_shares(0.2, 100, 0.4, 100);
  EXPECT_NEAR(difference.value, 0.2, kTolerance);
  EXPECT_NEAR(difference.standard_error, std::sqrt(0.3 * 0.7 * 2 / 100), kTolerance);
  EXPECT_NEAR(difference.noise, 1.959964 * difference.standard_error, 1e-6);
  EXPECT_NEAR(difference.p_value, 0.00203, 1e-5);
  EXPECT_TRUE(difference.is_beyond_noise());
}

TEST(CompareShares, FindsNothingInEquals) {
  for (const double share : {0.0, 0.3, 1.0}) {
    const Difference difference = compare_shares(share, 50, share, 80);
    EXPECT_FALSE(difference.is_beyond_noise());
    EXPECT_EQ(difference.p_value, 1);
  }
  EXPECT_FALSE(compare_shares(0, 20, 0.05, 20).is_beyond_noise());
}

TEST(CompareMeans, IsWelchsTest) {
  const auto difference =
      compare_means(repeated_mean(std::array{1.0, 2.0, 3.0}), repeated_mean(std::array{2.0, 4.0, 6.0}));
  ASSERT_TRUE(difference);
  EXPECT_NEAR(difference->value, 2, kTolerance);
  EXPECT_NEAR(difference->standard_error, std::sqrt(5.0 / 3), kTolerance);
  EXPECT_NEAR(difference->freedom, 50.0 / 17, kTolerance);
  EXPECT_FALSE(difference->is_beyond_noise());
}

TEST(CompareMeans, HasNoNoiseToCompareWithWhereNothingSpreads) {
  const RepeatedMean same = repeated_mean(std::array{0.1, 0.1});
  const RepeatedMean other = repeated_mean(std::array{0.2, 0.2});
  EXPECT_FALSE(compare_means(same, other));
  EXPECT_FALSE(compare_with_one(same, 0.3));
}

TEST(CompareWithOne, AddsTheSpreadOfTheOne) {
  const auto difference = compare_with_one(repeated_mean(std::array{1.0, 2.0, 3.0}), 5);
  ASSERT_TRUE(difference);
  EXPECT_NEAR(difference->value, 3, kTolerance);
  EXPECT_NEAR(difference->standard_error, std::sqrt(4.0 / 3), kTolerance);
  EXPECT_EQ(difference->freedom, 2);
  EXPECT_NEAR(difference->noise, 4.302653 * difference->standard_error, 1e-5);
}

TEST(ClusteredMean, IsTheUsualErrorOfTheMeanWithoutGroups) {
  const std::array values{1.0, 2.0, 4.0, 9.0};
  const ClusteredMean mean = clustered_mean(values);
  EXPECT_NEAR(mean.mean, 4, kTolerance);
  EXPECT_NEAR(mean.standard_error, repeated_mean(values).standard_error, kTolerance);
  EXPECT_EQ(mean.count, 4);
  EXPECT_EQ(mean.groups, 4);
}

TEST(ClusteredMean, CountsCopiesOnce) {
  const ClusteredMean once = clustered_mean(std::array{1.0, 2.0, 6.0});
  const ClusteredMean thrice = clustered_mean(std::array{1.0, 6.0, 2.0, 1.0, 2.0, 6.0, 6.0, 2.0, 1.0},
                                              std::array<std::int64_t, 9>{7, -1, 3, 7, 3, -1, -1, 3, 7});
  EXPECT_NEAR(thrice.mean, once.mean, kTolerance);
  EXPECT_NEAR(thrice.standard_error, once.standard_error, kTolerance);
  EXPECT_EQ(thrice.groups, 3);
  EXPECT_NEAR(thrice.of_groups().deviation, once.standard_error * std::sqrt(3.0), kTolerance);
  EXPECT_EQ(thrice.of_groups().count, 3);
}

TEST(ClusteredMean, KnowsNoErrorOfOneGroup) {
  EXPECT_TRUE(std::isnan(clustered_mean(std::array{0.0, 1.0}, std::array<std::int64_t, 2>{5, 5}).standard_error));
}

TEST(ClusteredMean, RefusesNothingAndHalfOfTheGroups) {
  EXPECT_THROW(clustered_mean({}), std::invalid_argument);
  EXPECT_THROW(clustered_mean(std::array{0.0, 1.0}, std::array<std::int64_t, 1>{5}), std::invalid_argument);
}

TEST(IndependentCases, AreTheGroupsWhereTheyHoldCopies) {
  std::vector<double> values;
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 400; ++i) {
    values.push_back(i % 4 == 0 ? 1 : 0);
    groups.push_back(i % 40);
  }
  EXPECT_EQ(independent_cases(clustered_mean(values)),
            399);  // the binomial formula divides by n, the sample's by n - 1
  EXPECT_EQ(independent_cases(clustered_mean(values, groups)), 39);
  EXPECT_EQ(independent_cases(clustered_mean(std::vector<double>(400, 0.0), groups)), 40);
}

}  // namespace
}  // namespace margay::metric
