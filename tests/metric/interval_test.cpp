#include "margay/metric/interval.h"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/golden.h"

namespace margay::metric {
namespace {

TEST(WilsonInterval, IsScipys) {
  for (const auto& each : testing_support::golden("interpretation.json")["wilson"]) {
    const Interval interval = wilson_interval(each[0], each[1], each[2]);
    EXPECT_NEAR(interval.low, each[3], 1e-9) << each;
    EXPECT_NEAR(interval.high, each[4], 1e-9) << each;
  }
}

TEST(WilsonInterval, EndsExactlyAtZeroAndOne) {
  EXPECT_EQ(wilson_interval(0, 7).low, 0);
  EXPECT_EQ(wilson_interval(7, 7).high, 1);
  EXPECT_GT(wilson_interval(0, 7).high, 0.3);
  EXPECT_FALSE(wilson_interval(0, 0).is_known());
}

TEST(Estimate, IsNullInJsonWhereItIsNotKnown) {
  EXPECT_EQ(to_json({.value = 0.5, .interval = {.low = 0.25, .high = 1}}).dump(),
            R"({"value":0.5,"low":0.25,"high":1.0})");
  EXPECT_EQ(to_json(Estimate()).dump(), R"({"value":null,"low":null,"high":null})");
}

TEST(WilsonInterval, RefusesMoreSuccessesThanCases) {
  EXPECT_THROW(wilson_interval(3, 2), std::invalid_argument);
  EXPECT_THROW(wilson_interval(-1, 2), std::invalid_argument);
  EXPECT_THROW(wilson_interval(1, 2, 1), std::invalid_argument);
}

TEST(ShareEstimate, IsWilsonsWhereEachCaseIsAlone) {
  const std::vector<double> cases = {1, 1, 0, 1};
  const Estimate share = share_estimate(cases);
  EXPECT_DOUBLE_EQ(share.value, 0.75);
  EXPECT_DOUBLE_EQ(share.interval.low, wilson_interval(3, 4).low);
  EXPECT_DOUBLE_EQ(share.interval.high, wilson_interval(3, 4).high);
}

TEST(ShareEstimate, CountsCopiesOfAnImageOnce) {
  std::vector<double> cases;
  std::vector<double> copied;
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 40; ++i) {
    const double is_right = i % 4 != 0 ? 1 : 0;
    cases.push_back(is_right);
    for (int copy = 0; copy < 3; ++copy) {
      copied.push_back(is_right);
      groups.push_back(i);
    }
  }
  const Estimate alone = share_estimate(cases);
  const Estimate grouped = share_estimate(copied, groups);
  EXPECT_DOUBLE_EQ(grouped.value, alone.value);
  EXPECT_NEAR(grouped.interval.low, alone.interval.low, 0.01);
  EXPECT_NEAR(grouped.interval.high, alone.interval.high, 0.01);
}

TEST(ShareEstimate, KnowsNoIntervalOfOneGroupAndNoShareOfNothing) {
  const std::vector<double> cases = {1, 0, 1};
  const std::vector<std::int64_t> one_group = {5, 5, 5};
  EXPECT_FALSE(share_estimate(cases, one_group).interval.is_known());
  EXPECT_TRUE(std::isnan(share_estimate({}).value));
}

}  // namespace
}  // namespace margay::metric
