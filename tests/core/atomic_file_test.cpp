#include "margay/core/atomic_file.h"

#include <csignal>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"

namespace margay::core {
namespace {

namespace fs = std::filesystem;

using testing_support::file_content;
using testing_support::TemporaryFolder;

class AtomicFileTest : public testing::Test {
 protected:
  const TemporaryFolder folder_;
};

TEST_F(AtomicFileTest, AppearsOnlyWhenCommitted) {
  AtomicFile file(folder_ / "a.txt");
  file.write("one, ");
  file.write("two");
  EXPECT_FALSE(fs::exists(folder_ / "a.txt"));
  file.commit();
  EXPECT_EQ(file_content(folder_ / "a.txt"), "one, two");
  EXPECT_EQ(folder_.size(), 1U);
}

TEST_F(AtomicFileTest, ForgottenFilesLeaveThePreviousOne) {
  write_file_atomically(folder_ / "a.txt", "old");
  {
    AtomicFile file(folder_ / "a.txt");
    file.write("new");
    EXPECT_EQ(folder_.size(), 2U);
  }
  EXPECT_EQ(file_content(folder_ / "a.txt"), "old");
  EXPECT_EQ(folder_.size(), 1U);
}

TEST_F(AtomicFileTest, ReplacesAndKeepsTheAccessRights) {
  write_file_atomically(folder_ / "a.txt", "old");
  fs::permissions(folder_ / "a.txt", fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomically(folder_ / "a.txt", "new");
  EXPECT_EQ(file_content(folder_ / "a.txt"), "new");
  EXPECT_EQ(fs::status(folder_ / "a.txt").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(AtomicFileTest, ReplacesTheFileBehindALink) {
  write_file_atomically(folder_ / "target", "old");
  fs::create_symlink("target", folder_ / "link");
  write_file_atomically(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(file_content(folder_ / "target"), "new");
}

TEST_F(AtomicFileTest, TwoWritersOfOneNameDoNotDisturbEachOther) {
  AtomicFile first(folder_ / "a.txt");
  AtomicFile second(folder_ / "a.txt");
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  EXPECT_EQ(file_content(folder_ / "a.txt"), "first");
}

TEST_F(AtomicFileTest, MissingFoldersAreNamed) {
  try {
    write_file_atomically(folder_ / "nowhere" / "a.txt", "text");
    FAIL() << "expected an IoError";
  } catch (const IoError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find((folder_ / "nowhere" / "a.txt").string()), std::string::npos) << message;
    EXPECT_NE(message.find("No such file or directory"), std::string::npos) << message;
  }
}

TEST_F(AtomicFileTest, FoldersAndDevicesAreNotReplaced) {
  fs::create_directory(folder_ / "sub");
  EXPECT_THROW(AtomicFile{folder_ / "sub"}, IoError);
  EXPECT_THROW(AtomicFile{"/dev/null"}, IoError);
}

TEST_F(AtomicFileTest, FileNamesWithoutAFolderGoToTheCurrentOne) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  write_file_atomically("plain.txt", "text");
  fs::current_path(before);
  EXPECT_EQ(file_content(folder_ / "plain.txt"), "text");
}

/// Writing stops after `limit` bytes, as on a full disk, until this goes out of scope.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit tight{limit, before_.rlim_max};
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &tight);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(AtomicFileTest, AFullDiskKeepsThePreviousFileAndLeavesNoOther) {
  write_file_atomically(folder_ / "a.txt", "old");
  {
    const FileSizeLimit full(4096);
    EXPECT_THROW(write_file_atomically(folder_ / "a.txt", std::string(10000, 'x')), IoError);
  }
  EXPECT_EQ(file_content(folder_ / "a.txt"), "old");
  EXPECT_EQ(folder_.size(), 1U);
}

}  // namespace
}  // namespace margay::core
