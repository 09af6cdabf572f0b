#include "apps/studio/job.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace margay::studio {
namespace {

TEST(Job, TellsWhereItIsAndThatItIsDone) {
  std::atomic<int> changes = 0;
  Job job([&] { ++changes; });
  EXPECT_STREQ(job.state().name(), "idle");
  ASSERT_TRUE(job.start([](const Job::Progress& progress) { progress(3, 7); }));
  job.wait();
  EXPECT_STREQ(job.state().name(), "done");
  EXPECT_EQ(job.state().done, 3);
  EXPECT_EQ(job.state().total, 7);
  EXPECT_EQ(changes, 3);  // begun, progressed, done
}

TEST(Job, TakesNoSecondWorkAndStopsAtItsNextProgress) {
  std::atomic<bool> is_begun = false;
  Job job;
  const Job::Work endless = [&](const Job::Progress& progress) {
    is_begun = true;
    for (int i = 0;; ++i) {
      progress(i, 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  ASSERT_TRUE(job.start(endless));
  EXPECT_FALSE(job.start(endless));
  while (!is_begun) std::this_thread::yield();
  job.stop();
  job.wait();
  EXPECT_STREQ(job.state().name(), "stopped");
  ASSERT_TRUE(job.start([](const Job::Progress&) {}));
  job.wait();
  EXPECT_STREQ(job.state().name(), "done");
}

TEST(Job, SaysWhatWentWrong) {
  Job job;
  job.start([](const Job::Progress&) { throw std::runtime_error("the disk is gone"); });
  job.wait();
  EXPECT_STREQ(job.state().name(), "failed");
  EXPECT_EQ(job.state().problem, "the disk is gone");
}

TEST(Job, StopsWhenItGoes) {
  std::atomic<bool> has_ended = false;
  {
    Job job;
    job.start([&](const Job::Progress& progress) {
      while (!progress.is_stop_wanted()) std::this_thread::yield();
      has_ended = true;
    });
  }
  EXPECT_TRUE(has_ended);
}

TEST(Job, LeavesTheProcessorsToThePage) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  int nice = 0;
  Job job;
  job.start([&](const Job::Progress&) { nice = ::getpriority(PRIO_PROCESS, 0); });
  job.wait();
  EXPECT_EQ(nice, std::max(own, Job::kNice));
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), own);
}

}  // namespace
}  // namespace margay::studio
