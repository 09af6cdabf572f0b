#include "margay/metric/standard_error.h"
#include "tests/support/special_numbers.h"

#include <array>
#include <cmath>
#include <stdexcept>

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

}  // namespace
}  // namespace margay::metric
