#include "apps/serve/task_thread.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "apps/serve/access_log_file.h"
#include "apps/serve/client_watch.h"
#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"

namespace margay::routes {
namespace {

TEST(TaskThread, RunsTasksInTheirOrderAndRefusesTooMany) {
  std::string order;
  std::promise<void> begins;
  std::promise<void> gate;
  TaskThread thread(2);
  ASSERT_TRUE(thread.post([&] {
    begins.set_value();
    gate.get_future().wait();
  }));
  begins.get_future().wait();
  EXPECT_TRUE(thread.post([&] { order += 'a'; }));
  EXPECT_TRUE(thread.post([&] { order += 'b'; }));
  EXPECT_FALSE(thread.post([&] { order += 'c'; }));
  gate.set_value();
  thread.wait_until_done();
  EXPECT_EQ(order, "ab");
}

TEST(ClientWatch, CancelsForAClientThatLeavesAndForNoOther) {
  ClientWatch watch;
  const auto left = std::make_shared<std::atomic<bool>>(false);
  const auto stays = std::make_shared<std::atomic<bool>>(false);
  const ClientWatch::Watched leaving = watch.watch(left);
  const ClientWatch::Watched staying = watch.watch(stays);
  const ClientWatch::Watched nobody = watch.watch(nullptr);
  std::promise<void> stopped;
  const std::stop_callback told(leaving->get_token(), [&] { stopped.set_value(); });
  EXPECT_FALSE(leaving->stop_requested());
  left->store(true);
  ASSERT_EQ(stopped.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_FALSE(staying->stop_requested());
  EXPECT_FALSE(nobody->stop_requested());
}

TEST(AccessLogFile, AppendsLinesAndBeginsAnewWhereItsFileWasMovedAway) {
  const testing_support::TemporaryFolder folder;
  const auto file = folder / "access";
  testing_support::write(file, "before\n");
  {
    AccessLogFile log(file);
    log.write("one");
    log.write("two");
    std::filesystem::rename(file, folder / "old");
    log.write("three");
    log.reopen();
    log.write("four");
  }
  const std::string old = testing_support::file_content(folder / "old");
  EXPECT_EQ(old.substr(0, 15), "before\none\ntwo\n");
  EXPECT_EQ(testing_support::file_content(file), "four\n");
  EXPECT_EQ(old, "before\none\ntwo\nthree\n");
  EXPECT_THROW(AccessLogFile("/nothing/there"), core::IoError);
}

TEST(AccessLogFile, SaysWhyALineCannotBeWritten) {
  if (!std::filesystem::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full";
  AccessLogFile log("/dev/full");
  EXPECT_EQ(log.write_error(), 0);
  log.write("one");
  for (int i = 0; i < 1000 && log.write_error() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(log.write_error(), ENOSPC);
}

}  // namespace
}  // namespace margay::routes
