#include "margay/core/threads.h"

#include <gtest/gtest.h>

#include <sched.h>

namespace margay::core {
namespace {

TEST(AvailableCpus, IsAtLeastOneAndAtMostTheAffinity) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_GE(available_cpus(), 1);
  EXPECT_LE(available_cpus(), CPU_COUNT(&allowed));
}

TEST(AvailableCpus, FollowsTheAffinityOfTheThread) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_cpus(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(ParseCpuMax, RoundsAQuotaUp) {
  EXPECT_EQ(parse_cpu_max("100000 100000"), 1);
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 2);
  EXPECT_EQ(parse_cpu_max("1000 100000"), 1);
  EXPECT_EQ(parse_cpu_max("400000 100000"), 4);
}

TEST(ParseCpuMax, KnowsNoLimit) { EXPECT_EQ(parse_cpu_max("max 100000"), std::nullopt); }

TEST(ParseCpuMax, TakesNonsenseForNoLimit) {
  for (const char* text : {"", "max", "100000", "0 100000", "-1 100000", "100000 0", "x y", "99999999999999999999 1"}) {
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace margay::core
