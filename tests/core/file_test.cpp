#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/file.h"
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

/// A process that is writing the file, and does so until it is killed.
class KilledWriter {
 public:
  explicit KilledWriter(const fs::path& path) {
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) throw std::runtime_error("no pipe");
    process_ = ::fork();
    if (process_ == 0) {
      AtomicFile file(path);
      file.write("half of it");
      [[maybe_unused]] const ssize_t told = ::write(ready[1], "!", 1);
      while (true) ::pause();
    }
    char mark = 0;
    ::close(ready[1]);
    EXPECT_EQ(::read(ready[0], &mark, 1), 1);
    ::close(ready[0]);
  }
  KilledWriter(const KilledWriter&) = delete;
  KilledWriter& operator=(const KilledWriter&) = delete;
  ~KilledWriter() { kill(); }

  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  pid_t process_ = 0;
};

TEST_F(AtomicFileTest, TheNextOneInTheFolderRemovesWhatAKilledProcessLeft) {
  KilledWriter writer(folder_ / "a.txt");
  writer.kill();
  ASSERT_EQ(folder_.size(), 1U);
  write_file_atomically(folder_ / "b.txt", "text");
  EXPECT_EQ(folder_.size(), 1U);
}

TEST_F(AtomicFileTest, NeverRemovesWhatALivingProcessIsWriting) {
  const KilledWriter writer(folder_ / "a.txt");
  AtomicFile own(folder_ / "a.txt");
  write_file_atomically(folder_ / "a.txt", "text");
  EXPECT_EQ(folder_.size(), 3U);
  own.commit();
  EXPECT_EQ(folder_.size(), 2U);
}

TEST_F(AtomicFileTest, RemovesFilesOfOtherMachinesAndEarlierVersionsAfterADay) {
  const std::vector<std::string> names = {".b.txt.tmp-0123abcd-77-0", ".a.txt.tmp-77-0"};
  for (const std::string& name : names) testing_support::write(folder_ / name, "half of it");
  write_file_atomically(folder_ / "a.txt", "text");
  EXPECT_EQ(folder_.size(), 3U);
  for (const std::string& name : names) {
    fs::last_write_time(folder_ / name, fs::file_time_type::clock::now() - std::chrono::hours(25));
  }
  write_file_atomically(folder_ / "a.txt", "text");
  EXPECT_EQ(folder_.size(), 1U);
}

TEST_F(AtomicFileTest, KeepsFilesThatOnlyLookSimilar) {
  const std::vector<std::string> names = {".b.txt.tmp-77-0",  // of an earlier version, but another file
                                          ".a.txt.tmp-0123abcd-77", "a.txt.tmp-0123abcd-77-0", ".a.txt.tmp-",
                                          ".b.txt.tmp-other-77-0"};
  for (const std::string& name : names) {
    testing_support::write(folder_ / name, "text");
    fs::last_write_time(folder_ / name, fs::file_time_type::clock::now() - std::chrono::hours(25));
  }
  write_file_atomically(folder_ / "a.txt", "text");
  for (const std::string& name : names) EXPECT_TRUE(fs::exists(folder_ / name)) << name;
}

TEST_F(AtomicFileTest, ManyWritersInOneFolderLoseNothing) {
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([this, w] {
      for (int i = 0; i < 50; ++i) EXPECT_NO_THROW(write_file_atomically(folder_ / fmt::format("{}", w), "text"));
    });
  }
  for (std::thread& each : writers) each.join();
  EXPECT_EQ(folder_.size(), 4U);
}

TEST_F(AtomicFileTest, TakesNamesAsLongAsTheFileSystemDoes) {
  write_file_atomically(folder_ / std::string(255, 'x'), "text");
  EXPECT_EQ(file_content(folder_ / std::string(255, 'x')), "text");
}

TEST_F(AtomicFileTest, CanBeAskedBeforeTheWorkIsDone) {
  EXPECT_NO_THROW(check_writable(folder_ / "a.txt"));
  EXPECT_EQ(folder_.size(), 0U) << "it leaves nothing";
  testing_support::write(folder_ / "a.txt", "old");
  EXPECT_NO_THROW(check_writable(folder_ / "a.txt"));
  EXPECT_EQ(file_content(folder_ / "a.txt"), "old");
  fs::create_directory(folder_ / "b");
  for (const fs::path& impossible : {folder_ / "b", folder_ / "b/", folder_ / "no/such.txt", folder_ / "a.txt/under",
                                     folder_ / std::string(256, 'x')}) {
    EXPECT_THROW(check_writable(impossible), IoError) << impossible;
  }
}

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
