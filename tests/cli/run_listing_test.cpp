#include "apps/cli/run_listing.h"

#include <gtest/gtest.h>

#include "tests/support/command_line.h"
#include "tests/support/run_folders.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

TEST(RunListing, ListsARunFromItsBeginningToItsEnd) {
  const testing_support::TemporaryFolder folder;
  RunListing listing(folder.path(), testing_support::new_run(folder.path(), "a", "first"));
  listing.begin();
  listing.begin();
  const train::RunRegistry registry(folder.path());
  ASSERT_EQ(registry.all().size(), 1U);
  EXPECT_EQ(registry.all()[0].status, train::RunStatus::kRunning);
  listing.finish(train::RunStatus::kFailed, "the disk is gone");
  EXPECT_EQ(registry.all()[0].status, train::RunStatus::kFailed);
  EXPECT_EQ(registry.all()[0].message, "the disk is gone");
}

TEST(RunListing, LeavesARunThatDoesNotGoOnAsItEnded) {
  const testing_support::TemporaryFolder folder;
  const train::NewRun run = testing_support::new_run(folder.path(), "a", "first");
  train::RunRegistry registry(folder.path());
  testing_support::add_done_run(registry, run, 0.1);
  { const RunListing listing(folder.path(), run); }
  EXPECT_EQ(registry.all()[0].status, train::RunStatus::kDone);
}

TEST(RunListing, WarnsOnceWhereTheListCannotBeWritten) {
  const testing_support::TemporaryFolder folder;
  const train::NewRun run{.folder = "gone", .name = "gone", .group = "", .seed = 1, .config = {}, .valid_images = {}};
  testing::internal::CaptureStderr();
  RunListing listing(folder / "nowhere", run);
  listing.finish(train::RunStatus::kDone);
  const std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_EQ(errors.find("margay: warning: the run is not in the list that `margay runs` shows: "), 0U) << errors;
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
}

}  // namespace
}  // namespace margay::cli
