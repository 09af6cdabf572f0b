#include "margay/core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

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

TEST(ForEachIndex, CallsEachOnce) {
  for (const int threads : {0, 1, 2, 7, 100}) {
    std::vector<std::atomic<int>> calls(50);
    for_each_index(
        calls.size(), [&](std::size_t i) { ++calls[i]; }, threads);
    EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& each) { return each == 1; })) << threads;
  }
  for_each_index(0, [](std::size_t) { FAIL(); });
}

TEST(ForEachIndex, ThrowsHereWhatAnotherThreadHasThrown) {
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<bool> other_ran = false;
  const auto work = [&](std::size_t) {
    if (std::this_thread::get_id() == here) {
      while (!other_ran) std::this_thread::yield();
      return;
    }
    other_ran = true;
    throw std::length_error("too long");
  };
  EXPECT_THROW(for_each_index(1000, work, 2), std::length_error);
}

TEST(CpuShare, RoundsALimitDownSoThatNoThreadIsStoppedInEachPeriod) {
  EXPECT_EQ((CpuShare{8, 7.65}).cpus(), 7);
  EXPECT_EQ((CpuShare{8, 1.99}).cpus(), 1);
  EXPECT_EQ((CpuShare{8, 4.0}).cpus(), 4);
  EXPECT_EQ((CpuShare{8, 0.5}).cpus(), 1) << "at least one";
}

TEST(CpuShare, IsNeverMoreThanTheAllowedCpus) {
  EXPECT_EQ((CpuShare{4, 7.65}).cpus(), 4);
  EXPECT_EQ((CpuShare{4, 1e30}).cpus(), 4);
  EXPECT_EQ((CpuShare{4, std::nullopt}).cpus(), 4);
}

TEST(DefaultThreads, AreTheCpusUntilAProgramSetsThem) {
  EXPECT_EQ(default_threads(), available_cpus());
  set_default_threads(3);
  EXPECT_EQ(default_threads(), 3);
  EXPECT_THROW(set_default_threads(0), std::invalid_argument);
  set_default_threads(std::nullopt);
  EXPECT_EQ(default_threads(), available_cpus());
}

TEST(SetAllowedCpus, ReplacesWhatTheThreadWasBoundTo) {
  const std::vector<int> before = allowed_cpus();
  set_allowed_cpus({5, 3});
  EXPECT_EQ(allowed_cpus(), (std::vector<int>{3, 5}));
  EXPECT_EQ(cpu_share().allowed, 2);
  set_allowed_cpus(before);
}

/// CPUs that no machine has, of this process alone, so that tests beside each other do not meet.
std::vector<int> own_cpus() {
  const int first = 10'000'000 + 10 * ::getpid();
  return {first, first + 1, first + 2, first + 3};
}

TEST(CpuClaim, GivesEachCpuToOneOnly) {
  const std::vector<int> cpus = own_cpus();
  const CpuClaim first(cpus, 2);
  EXPECT_EQ(first.cpus(), (std::vector<int>{cpus[0], cpus[1]}));
  const CpuClaim second(cpus, 2);
  EXPECT_EQ(second.cpus(), (std::vector<int>{cpus[2], cpus[3]}));
  EXPECT_TRUE(CpuClaim(cpus, 1).cpus().empty());
}

TEST(CpuClaim, HoldsAllThatItWantsOrNone) {
  const std::vector<int> cpus = own_cpus();
  {
    const CpuClaim first(cpus, 1);
    EXPECT_TRUE(CpuClaim(cpus, 4).cpus().empty());
    EXPECT_EQ(CpuClaim(cpus, 3).cpus().size(), 3U) << "the attempt before kept some";
  }
  EXPECT_EQ(CpuClaim(cpus, 4).cpus().size(), 4U) << "they were not given back";
}

TEST(CpuClaim, CanBeMovedAndReplaced) {
  const std::vector<int> cpus = own_cpus();
  CpuClaim claim(cpus, 4);
  const CpuClaim moved = std::move(claim);
  EXPECT_TRUE(claim.cpus().empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(moved.cpus().size(), 4U);
  claim = CpuClaim(cpus, 1);
  EXPECT_TRUE(claim.cpus().empty());
}

}  // namespace
}  // namespace margay::core
