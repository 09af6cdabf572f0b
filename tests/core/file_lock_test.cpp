#include "margay/core/file_lock.h"

#include <filesystem>
#include <optional>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"

namespace margay::core {
namespace {

TEST(FileLock, IsHeldByOneUntilItEnds) {
  const testing_support::TemporaryFolder folder;
  std::optional<FileLock> first(folder / "lock");
  EXPECT_THROW(FileLock(folder / "lock"), Error);  // another opening of the file, as another process's would be
  const FileLock moved = std::move(*first);
  first.reset();
  EXPECT_THROW(FileLock(folder / "lock"), Error);
}

TEST(FileLock, CanBeTakenAgain) {
  const testing_support::TemporaryFolder folder;
  { const FileLock lock(folder / "lock"); }
  const FileLock again(folder / "lock");
  EXPECT_THROW(FileLock(folder / "lock"), Error);
}

TEST(FileLock, HoldsNothingWhereNothingCanBeWritten) {
  const FileLock first("/no/such/folder/lock");
  EXPECT_NO_THROW(FileLock("/no/such/folder/lock"));  // which a held lock would refuse
  EXPECT_FALSE(std::filesystem::exists("/no/such/folder"));
}

}  // namespace
}  // namespace margay::core
