#include "margay/model/cpu_threads.h"

#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <torch/utils.h>

#include "margay/core/threads.h"

namespace margay::model {
namespace {

int cpus_of_this_thread() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : -1;
}

/// Puts everything back as it was.
class UseCpuThreads : public testing::Test {
 protected:
  void TearDown() override {
    core::unpin_thread();
    use_cpu_threads(before_);
  }
  int before_ = torch::get_num_threads();
  int cpus_ = static_cast<int>(core::allowed_cpus().size());
};

TEST_F(UseCpuThreads, SetsLibTorchsCount) {
  use_cpu_threads(2);
  EXPECT_EQ(torch::get_num_threads(), 2);
  EXPECT_EQ(cpus_of_this_thread(), cpus_);
}

TEST_F(UseCpuThreads, RefusesLessThanOne) {
  EXPECT_THROW(use_cpu_threads(0), std::invalid_argument);
  EXPECT_THROW(use_cpu_threads(-2), std::invalid_argument);
}

TEST_F(UseCpuThreads, PinsOneToEachCpuAndLetsOthersGoFree) {
  const std::vector<int> pinned = use_cpu_threads(cpus_, ThreadPlacement::kPinned);
  if (pinned.empty()) {  // another process has one of these CPUs: then nothing may be pinned
    EXPECT_EQ(cpus_of_this_thread(), cpus_);
    return;
  }
  EXPECT_EQ(pinned, core::allowed_cpus());
  EXPECT_EQ(cpus_of_this_thread(), 1);
  EXPECT_EQ(torch::ones({100000}).sum().item<float>(), 100000);
  int cpus_of_another = 0;
  std::thread([&] {
    core::unpin_thread();
    cpus_of_another = cpus_of_this_thread();
  }).join();
  EXPECT_EQ(cpus_of_another, cpus_);
}

TEST_F(UseCpuThreads, PinsNothingWithoutOneForEachCpu) {
  EXPECT_TRUE(use_cpu_threads(cpus_ + 1, ThreadPlacement::kPinned).empty());
  EXPECT_EQ(cpus_of_this_thread(), cpus_);
}

TEST_F(UseCpuThreads, PinsNothingToCpusThatAnotherHas) {
  const core::CpuClaim other(core::allowed_cpus(), 1);  // or another process has it
  EXPECT_TRUE(use_cpu_threads(cpus_, ThreadPlacement::kPinned).empty());
  EXPECT_EQ(cpus_of_this_thread(), cpus_);
}

TEST_F(UseCpuThreads, LetsPinnedThreadsGoFreeAgainAndGivesTheirCpusBack) {
  const std::vector<int> pinned = use_cpu_threads(1, ThreadPlacement::kAnywhere);
  if (pinned.empty()) {  // other processes have all CPUs
    EXPECT_EQ(cpus_of_this_thread(), cpus_);
    return;
  }
  EXPECT_EQ(cpus_of_this_thread(), 1);
  EXPECT_TRUE(core::CpuClaim(pinned, 1).cpus().empty()) << "another could pin there too";
  use_cpu_threads(1, ThreadPlacement::kFree);
  EXPECT_EQ(cpus_of_this_thread(), cpus_);
}

}  // namespace

}  // namespace margay::model
