#include "margay/core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

#include <gtest/gtest.h>

#include <pthread.h>
#include <sched.h>

namespace margay::core {
namespace {

TEST(AvailableCpus, IsAtLeastOneAndAtMostTheAffinity) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_GE(available_cpus(), 1);
  EXPECT_LE(available_cpus(), CPU_COUNT(&allowed));
}

int cpus_of_this_thread() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : -1;
}

TEST(AllowedCpus, AreThoseOfTheThreadThatAskedFirst) {
  EXPECT_EQ(static_cast<int>(allowed_cpus().size()), cpus_of_this_thread());
  EXPECT_TRUE(std::is_sorted(allowed_cpus().begin(), allowed_cpus().end()));
}

TEST(PinThread, KeepsTheThreadOnOneCpuUntilUnpinned) {
  const int before = available_cpus();
  pin_thread(allowed_cpus().back());
  EXPECT_EQ(cpus_of_this_thread(), 1);
  EXPECT_EQ(sched_getcpu(), allowed_cpus().back());
  EXPECT_EQ(available_cpus(), before);
  unpin_thread();
  EXPECT_EQ(cpus_of_this_thread(), static_cast<int>(allowed_cpus().size()));
}

TEST(PinThread, IgnoresACpuThatIsNotAllowed) {
  pin_thread(allowed_cpus().back() + 1);
  pin_thread(-1);
  EXPECT_EQ(cpus_of_this_thread(), static_cast<int>(allowed_cpus().size()));
}

TEST(StartThreads, RunsOnAllCpusThoughTheirStarterIsPinned) {
  pin_thread(allowed_cpus().back());
  std::atomic<int> runs = 0;
  std::atomic<int> cpus = 0;
  const auto note = [&](const std::stop_token&) {
    ++runs;
    cpus += cpus_of_this_thread();
  };
  start_threads(3, note).clear();
  unpin_thread();
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(cpus, 3 * static_cast<int>(allowed_cpus().size()));
}

TEST(StartThreads, StartsNoneWhereTheSystemHasNone) {
  pthread_attr_t before;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  pthread_attr_t greedy = before;
  ASSERT_EQ(pthread_attr_setstacksize(&greedy, std::size_t{1} << 48), 0);  // more than there are addresses
  ASSERT_EQ(pthread_setattr_default_np(&greedy), 0);
  EXPECT_TRUE(start_threads(2, [](const std::stop_token&) {}).empty());
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(start_threads(2, [](const std::stop_token&) {}).size(), 2U);
  EXPECT_TRUE(start_threads(0, {}).empty());
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
