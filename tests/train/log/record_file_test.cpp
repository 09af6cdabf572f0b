#include "margay/train/log/record_file.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

TEST(RecordFile, HoldsEveryRecordAtOnce) {
  const TemporaryFolder folder;
  RecordFile file(folder / "log", 0);
  file.append("one\n");
  EXPECT_EQ(file_content(folder / "log"), "one\n");
  file.append("two\n");
  EXPECT_EQ(file_content(folder / "log"), "one\ntwo\n");
  EXPECT_EQ(file.size(), 8U);
}

TEST(RecordFile, CutsAnOldFileToWhatIsKept) {
  const TemporaryFolder folder;
  testing_support::write(folder / "log", "one\ntwo\nthree\n");
  RecordFile(folder / "log", 4).append("2\n");
  EXPECT_EQ(file_content(folder / "log"), "one\n2\n");
}

TEST(RecordFile, LeavesNoHalfRecordWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  RecordFile file(folder / "log", 0);
  file.append("one\n");
  {
    const testing_support::FileSizeLimit full(6);
    EXPECT_NE(thrown_message<core::IoError>([&] { file.append("two\n"); }).find((folder / "log").string()),
              std::string::npos);
    EXPECT_EQ(file_content(folder / "log"), "one\n");
  }
  file.append("three\n");
  EXPECT_EQ(file_content(folder / "log"), "one\nthree\n");
}

TEST(RecordFile, CreatesOnlyWhatIsNotThere) {
  const TemporaryFolder folder;
  EXPECT_TRUE(RecordFile::create(folder / "log"));
  EXPECT_FALSE(RecordFile::create(folder / "log"));
  EXPECT_THROW(RecordFile::create(folder / "no" / "log"), core::IoError);
}

}  // namespace
}  // namespace margay::train
