#include "margay/metric/paired.h"

#include <array>
#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

namespace margay::metric {
namespace {

constexpr double kPairedTolerance = 1e-12;

// Binomial coefficients of n coins over 2^n: by hand.
TEST(McNemar, HasTheExactBinomialProbabilities) {
  const McNemar none_of_five = mcnemar(0, 5);
  EXPECT_NEAR(none_of_five.exact_p, 2.0 / 32, kPairedTolerance);
  EXPECT_NEAR(none_of_five.mid_p, 1.0 / 32, kPairedTolerance);
  const McNemar nine_of_ten = mcnemar(9, 1);
  EXPECT_NEAR(nine_of_ten.exact_p, 2 * 11.0 / 1024, kPairedTolerance);
  EXPECT_NEAR(nine_of_ten.mid_p, 12.0 / 1024, kPairedTolerance);
  EXPECT_EQ(nine_of_ten.only_first_errs, 9);
  EXPECT_EQ(nine_of_ten.only_second_errs, 1);
}

TEST(McNemar, CountsTheMiddleOnce) {
  const McNemar halves = mcnemar(3, 3);
  EXPECT_EQ(halves.exact_p, 1);
  EXPECT_NEAR(halves.mid_p, 1 - 20.0 / 64 / 2, kPairedTolerance);
}

TEST(McNemar, FindsNothingWhereNothingDiffers) {
  EXPECT_EQ(mcnemar(0, 0).exact_p, 1);
  EXPECT_EQ(mcnemar(0, 0).mid_p, 1);
}

TEST(McNemar, IsSymmetric) {
  EXPECT_EQ(mcnemar(4, 11).mid_p, mcnemar(11, 4).mid_p);
  EXPECT_EQ(mcnemar(4, 11).exact_p, mcnemar(11, 4).exact_p);
}

// z² = (|b − c| − 1)² / (b + c) with Edwards's correction approaches the exact test.
TEST(McNemar, AgreesWithTheNormalDistributionForManyCases) {
  const double z = (300 - 1) / std::sqrt(20300.0);
  EXPECT_NEAR(mcnemar(10000, 10300).exact_p, std::erfc(z / std::sqrt(2.0)), 1e-4);
}

TEST(McNemar, RefusesNegativeCounts) { EXPECT_THROW(mcnemar(-1, 2), std::invalid_argument); }

TEST(PairedDifference, IsStudentsTOfTheDifferences) {
  const Difference difference = paired_difference(std::array{1.0, 2.0, 3.0, 4.0}, std::array{2.0, 2.0, 5.0, 3.0});
  EXPECT_NEAR(difference.value, 0.5, kPairedTolerance);
  EXPECT_NEAR(difference.standard_error, std::sqrt(5.0 / 3 / 4), kPairedTolerance);
  EXPECT_EQ(difference.freedom, 3);
  EXPECT_NEAR(difference.noise, 3.182446 * difference.standard_error, 1e-5);
  EXPECT_FALSE(difference.is_beyond_noise());
}

// Sums of the deviations in the groups: −1 and 1, so √(2/1 · 2) / 4.
TEST(PairedDifference, TakesCasesOfAGroupTogether) {
  const Difference difference = paired_difference(std::array{1.0, 2.0, 3.0, 4.0}, std::array{2.0, 2.0, 5.0, 3.0},
                                                  std::array<std::int64_t, 4>{0, 1, 1, 0});
  EXPECT_NEAR(difference.standard_error, 0.5, kPairedTolerance);
  EXPECT_EQ(difference.freedom, 1);
}

TEST(PairedDifference, WithoutSpreadIsNoneOrCertain) {
  EXPECT_EQ(paired_difference(std::array{1.0, 2.0}, std::array{1.0, 2.0}).p_value, 1);
  EXPECT_FALSE(paired_difference(std::array{1.0, 2.0}, std::array{1.0, 2.0}).is_beyond_noise());
  EXPECT_EQ(paired_difference(std::array{1.0, 2.0}, std::array{2.0, 3.0}).p_value, 0);
  EXPECT_TRUE(paired_difference(std::array{1.0, 2.0}, std::array{2.0, 3.0}).is_beyond_noise());
}

TEST(PairedDifference, RefusesWhatHasNoPairsOrNoSpread) {
  EXPECT_THROW(paired_difference(std::array{1.0, 2.0}, std::array{1.0}), std::invalid_argument);
  EXPECT_THROW(paired_difference(std::array{1.0}, std::array{1.0}), std::invalid_argument);
  EXPECT_THROW(paired_difference(std::array{1.0, 2.0}, std::array{2.0, 2.0}, std::array<std::int64_t, 2>{7, 7}),
               std::invalid_argument);
}

// By hand: N = 12, (3 − 1) / 12 ± 1.959964 √(4 + 1 − 4 / 12) / 12.
TEST(PairedShareDifference, IsAgrestiAndMins) {
  const Estimate estimate = paired_share_difference(3, 1, 10);
  EXPECT_DOUBLE_EQ(estimate.value, 0.2);
  EXPECT_NEAR(estimate.interval.low, -0.186167, 1e-6);
  EXPECT_NEAR(estimate.interval.high, 0.519501, 1e-6);
  EXPECT_DOUBLE_EQ(paired_share_difference(1, 3, 10).value, -0.2);
  EXPECT_NEAR(paired_share_difference(1, 3, 10).interval.low, -0.519501, 1e-6);
}

TEST(PairedShareDifference, HasWidthWhereNothingDiffers) {
  const Estimate same = paired_share_difference(0, 0, 1000);
  EXPECT_EQ(same.value, 0);
  EXPECT_GT(same.interval.high, 0.001);
  EXPECT_LT(same.interval.high, 0.003);
  EXPECT_FALSE(paired_share_difference(0, 0, 0).interval.is_known());
}

TEST(PairedShareDifference, RefusesImpossibleCounts) {
  EXPECT_THROW(paired_share_difference(-1, 0, 5), std::invalid_argument);
  EXPECT_THROW(paired_share_difference(3, 3, 5), std::invalid_argument);
  EXPECT_THROW(paired_share_difference(1, 1, 5, 1), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
