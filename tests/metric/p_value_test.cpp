#include "margay/metric/p_value.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace margay::metric {
namespace {

TEST(BinomialTail, IsScipys) {
  for (const auto& each : testing_support::golden("interpretation.json")["binomial_at_least"]) {
    const double expected = each[3].get<double>();
    EXPECT_NEAR(binomial_at_least(each[0], each[1], each[2]), expected, 1e-9 * expected) << each;
  }
}

TEST(BinomialTail, RefusesWhatIsNoProbability) {
  EXPECT_THROW(binomial_at_least(1, 2, 1.5), std::invalid_argument);
  EXPECT_THROW(binomial_at_least(1, -1, 0.5), std::invalid_argument);
  EXPECT_THROW(binomial_at_least(1, 2, std::nan("")), std::invalid_argument);
}

TEST(IncompleteBeta, IsASharesDistribution) {
  EXPECT_DOUBLE_EQ(incomplete_beta(1, 1, 0.3), 0.3);          // uniform
  EXPECT_NEAR(incomplete_beta(2, 1, 0.3), 0.09, 1e-15);       // the larger of two
  EXPECT_NEAR(incomplete_beta(1, 3, 0.3), 1 - 0.343, 1e-15);  // the smallest of three
  EXPECT_NEAR(incomplete_beta(2, 3, 0.4) + incomplete_beta(3, 2, 0.6), 1, 1e-14);
}

TEST(HolmAdjusted, IsRsPAdjust) {
  for (const auto& each : testing_support::golden("interpretation.json")["holm"]) {
    const auto p_values = each["p"].get<std::vector<double>>();
    const std::vector<double> adjusted = holm_adjusted(p_values, each["tests"]);
    for (std::size_t i = 0; i < p_values.size(); ++i) EXPECT_NEAR(adjusted[i], each["adjusted"][i], 1e-14) << each;
  }
}

TEST(HolmAdjusted, RefusesFewerTestsThanPValuesAndNan) {
  const std::vector<double> two = {0.1, 0.2};
  EXPECT_THROW(holm_adjusted(two, 1), std::invalid_argument);
  const std::vector<double> none = {std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(holm_adjusted(none), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
