#include "margay/run/run_listing.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/run/run_folder.h"
#include "tests/support/run_folders.h"
#include "tests/support/temporary_folder.h"

namespace margay::run {
namespace {

TEST(RunListing, ListsARunFromItsBeginningToItsEnd) {
  const testing_support::TemporaryFolder folder;
  RunListing listing(folder.path(), testing_support::new_run(folder.path(), "a", "first"), nullptr);
  listing.begin();
  listing.begin();
  const RunRegistry registry(folder.path());
  ASSERT_EQ(registry.all().size(), 1U);
  EXPECT_EQ(registry.all()[0].status, RunStatus::kRunning);
  listing.finish(RunStatus::kFailed, "the disk is gone");
  EXPECT_EQ(registry.all()[0].status, RunStatus::kFailed);
  EXPECT_EQ(registry.all()[0].message, "the disk is gone");
}

TEST(RunListing, LeavesARunThatDoesNotGoOnAsItEnded) {
  const testing_support::TemporaryFolder folder;
  const NewRun run = testing_support::new_run(folder.path(), "a", "first");
  RunRegistry registry(folder.path());
  testing_support::add_done_run(registry, run, 0.1);
  { const RunListing listing(folder.path(), run, nullptr); }
  EXPECT_EQ(registry.all()[0].status, RunStatus::kDone);
}

TEST(RunListing, WarnsOnceWhereTheListCannotBeWritten) {
  const testing_support::TemporaryFolder folder;
  const NewRun run{.folder = "gone", .name = "gone", .group = "", .seed = 1, .config = {}, .valid_images = {}};
  std::vector<std::string> warnings;
  RunListing listing(folder / "nowhere", run, [&](const std::string& text) { warnings.push_back(text); });
  listing.finish(RunStatus::kDone);
  listing.finish(RunStatus::kDone);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].find("the run is not in the list of runs: "), 0U) << warnings[0];
}

TEST(RunListing, AListThatCouldNotBeWrittenOnceMakesNoRunAKilledOne) {
  const testing_support::TemporaryFolder folder;
  std::vector<std::string> warnings;
  RunListing listing(folder.path(), testing_support::new_run(folder.path(), "a", "first"),
                     [&](const std::string& text) { warnings.push_back(text); });
  listing.begin();
  const char version = testing_support::set_index_version(folder / "margay.db", 99);
  listing.add(testing_support::error_epoch(0, .25));
  listing.finish(RunStatus::kInterrupted);
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_EQ(read_run_folder(folder / "a")->status, RunStatus::kInterrupted);
  testing_support::set_index_version(folder / "margay.db", version);
  EXPECT_EQ(RunRegistry(folder.path()).all().at(0).status, RunStatus::kInterrupted);
  listing.finish(RunStatus::kDone);
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_EQ(RunRegistry(folder.path()).all().at(0).status, RunStatus::kDone);
}

}  // namespace
}  // namespace margay::run
