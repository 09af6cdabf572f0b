#include "margay/metric/beta_binomial.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

namespace margay::metric {
namespace {

TEST(BetaBinomial, OfAnEvenBetaIsUniform) {
  const BetaBinomial even{.trials = 4, .a = 1, .b = 1};
  for (std::int64_t x = 0; x <= 4; ++x) EXPECT_NEAR(even.probability(x), 0.2, 1e-14);
  EXPECT_EQ(even.probability(-1), 0);
  EXPECT_EQ(even.probability(5), 0);
}

TEST(BetaBinomial, HasTheMomentsOfItsFormula) {
  const BetaBinomial refusals{.trials = 300, .a = 10, .b = 190};
  double sum = 0;
  double mean = 0;
  double square = 0;
  for (std::int64_t x = 0; x <= 300; ++x) {
    const double p = refusals.probability(x);
    sum += p;
    mean += p * static_cast<double>(x);
    square += p * static_cast<double>(x * x);
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_NEAR(mean, 300 * 10 / 200.0, 1e-10);
  // n a b (a + b + n) / ((a + b)² (a + b + 1))
  EXPECT_NEAR(square - mean * mean, 300.0 * 10 * 190 * 500 / (200.0 * 200 * 201), 1e-8);
}

TEST(BetaBinomial, FindsQuantiles) {
  const BetaBinomial even{.trials = 4, .a = 1, .b = 1};
  EXPECT_EQ(even.quantile(0.1), 0);
  EXPECT_EQ(even.quantile(0.5), 2);
  EXPECT_EQ(even.quantile(1), 4);
}

TEST(BetaQuantile, InvertsTheDistribution) {
  EXPECT_NEAR(beta_quantile(0.3, 1, 1), 0.3, 1e-11);
  EXPECT_NEAR(beta_quantile(0.3, 2, 1), std::sqrt(0.3), 1e-11);          // the distribution x²
  EXPECT_NEAR(beta_quantile(0.3, 1, 5), 1 - std::pow(0.7, 0.2), 1e-11);  // 1 - (1 - x)⁵
  EXPECT_NEAR(beta_quantile(0.5, 500, 9501), 0.04996, 2e-5);             // about (a - 1/3) / (a + b - 2/3)
  EXPECT_EQ(beta_quantile(0, 3, 4), 0);
  EXPECT_EQ(beta_quantile(1, 3, 4), 1);
}

TEST(BetaQuantile, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(beta_quantile(1.1, 1, 1), std::invalid_argument);
  EXPECT_THROW(beta_quantile(0.5, 0, 1), std::invalid_argument);
  EXPECT_THROW((BetaBinomial{.trials = 3, .a = 1, .b = 0}.probability(1)), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
