#include "apps/studio/thumbnail_store.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/random.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::FileSizeLimit;
using testing_support::TemporaryFolder;

ThumbnailStore::Key numbered_key(std::uint64_t number) {
  ThumbnailStore::Key key{};
  core::Random random{number};
  for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random.below(256));
  return key;
}

/// Some thousand bytes that only this number has.
std::string bytes_of(std::uint64_t number) {
  core::Random random{number, 7};
  std::string bytes(1000 + random.below(4000), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

std::uintmax_t disk_bytes(const fs::path& folder) {
  std::uintmax_t sum = 0;
  for (const auto& entry : fs::directory_iterator(folder)) sum += entry.file_size();
  return sum;
}

/// How many of the first `count` are found; a wrong one is a failure.
std::size_t right_ones(const ThumbnailStore& store, std::uint64_t count) {
  std::size_t found = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto bytes = store.find(numbered_key(i));
    if (!bytes) continue;
    EXPECT_EQ(*bytes, bytes_of(i)) << i;
    ++found;
  }
  return found;
}

TEST(ThumbnailStore, FindsWhatWasKeptAlsoInALaterProcess) {
  TemporaryFolder folder;
  {
    ThumbnailStore store(folder / "thumbnails");
    EXPECT_EQ(store.find(numbered_key(0)), std::nullopt);
    for (std::uint64_t i = 0; i < 50; ++i) store.keep(numbered_key(i), bytes_of(i));
    EXPECT_EQ(right_ones(store, 60), 50);
  }
  ThumbnailStore later(folder / "thumbnails");
  EXPECT_EQ(later.size(), 50);
  EXPECT_EQ(right_ones(later, 60), 50);
  later.keep(numbered_key(50), bytes_of(50));
  EXPECT_EQ(right_ones(later, 60), 51);
}

TEST(ThumbnailStore, KeepsNothingWithoutAFolderAndNothingOfImpossibleSize) {
  ThumbnailStore none("");
  none.keep(numbered_key(1), "x");
  EXPECT_EQ(none.find(numbered_key(1)), std::nullopt);
  TemporaryFolder folder;
  ThumbnailStore store(folder.path());
  store.keep(numbered_key(1), "");
  store.keep(numbered_key(1), std::string((1U << 20U) + 1, 'x'));
  EXPECT_EQ(store.size(), 0);
}

TEST(ThumbnailStore, DoesNotFindDamagedBytes) {
  TemporaryFolder folder;
  {
    ThumbnailStore store(folder.path());
    for (std::uint64_t i = 0; i < 20; ++i) store.keep(numbered_key(i), bytes_of(i));
  }
  const fs::path pack = folder / "1.pack";
  std::string content = testing_support::file_content(pack);
  content[content.size() / 2] ^= 1;
  testing_support::write(pack, content);
  EXPECT_EQ(right_ones(ThumbnailStore(folder.path()), 20), 19);
}

TEST(ThumbnailStore, LosesOnlyTheRestOfFilesThatAreCutAnywhere) {
  TemporaryFolder folder;
  {
    ThumbnailStore store(folder.path());
    for (std::uint64_t i = 0; i < 20; ++i) store.keep(numbered_key(i), bytes_of(i));
  }
  fs::resize_file(folder / "1.index", 32 * 12 + 5);  // as a kill leaves it
  ThumbnailStore store(folder.path());
  EXPECT_EQ(right_ones(store, 20), 12);
  store.keep(numbered_key(19), bytes_of(19));  // over the broken entry
  EXPECT_EQ(right_ones(ThumbnailStore(folder.path()), 20), 13);
  fs::resize_file(folder / "1.pack", 9'000);
  EXPECT_LT(right_ones(ThumbnailStore(folder.path()), 20), 12);
  testing_support::write(folder / "1.index", std::string(32 * 40, '\xAB'));
  EXPECT_EQ(right_ones(ThumbnailStore(folder.path()), 20), 0);
}

TEST(ThumbnailStore, StaysWithinItsLimitAndForgetsTheOldest) {
  TemporaryFolder folder;
  constexpr std::uint64_t kLimit = 1U << 20U;
  ThumbnailStore store(folder.path(), kLimit);
  for (std::uint64_t i = 0; i < 900; ++i) store.keep(numbered_key(i), bytes_of(i));
  EXPECT_LE(disk_bytes(folder.path()), kLimit);
  EXPECT_EQ(store.find(numbered_key(0)), std::nullopt);
  EXPECT_EQ(store.find(numbered_key(899)), bytes_of(899));
  EXPECT_GT(right_ones(store, 900), 200);
  EXPECT_EQ(store.size(), right_ones(store, 900));  // what was deleted is not held open
}

TEST(ThumbnailStore, SurvivesADiskThatIsFull) {
  TemporaryFolder folder;
  ThumbnailStore store(folder.path());
  store.keep(numbered_key(0), bytes_of(0));
  {
    const FileSizeLimit full(bytes_of(0).size() + 10);
    store.keep(numbered_key(1), bytes_of(1));
    EXPECT_EQ(store.obstacle(), "File too large");
    EXPECT_EQ(store.find(numbered_key(1)), std::nullopt);
    EXPECT_EQ(store.find(numbered_key(0)), bytes_of(0));
    store.keep(numbered_key(2), bytes_of(2));  // does not even try
  }
  EXPECT_EQ(fs::file_size(folder / "1.pack"), bytes_of(0).size());  // no half of it is left
  ThumbnailStore later(folder.path());
  later.keep(numbered_key(1), bytes_of(1));
  EXPECT_EQ(later.obstacle(), "");
  EXPECT_EQ(right_ones(later, 3), 2);
}

TEST(ThumbnailStore, SaysWhyItCannotKeepWhereTheFolderIsAFile) {
  TemporaryFolder folder;
  testing_support::write(folder / "thumbnails", "a file");
  ThumbnailStore store(folder / "thumbnails");
  store.keep(numbered_key(0), bytes_of(0));
  EXPECT_NE(store.obstacle(), "");
  EXPECT_EQ(store.find(numbered_key(0)), std::nullopt);
}

TEST(ThumbnailStore, OfTwoProcessesEachFindsItsOwnAndALaterOneAll) {
  TemporaryFolder folder;
  {
    ThumbnailStore one(folder.path());
    ThumbnailStore other(folder.path());  // flock tells descriptors apart, as it does processes
    for (std::uint64_t i = 0; i < 40; ++i) (i % 2 == 0 ? one : other).keep(numbered_key(i), bytes_of(i));
    EXPECT_EQ(right_ones(one, 40), 20);
    EXPECT_EQ(right_ones(other, 40), 20);
  }
  EXPECT_EQ(right_ones(ThumbnailStore(folder.path()), 40), 40);
}

TEST(ThumbnailStore, GoesOnWhenItsFolderIsDeletedMeanwhile) {
  TemporaryFolder folder;
  ThumbnailStore store(folder / "thumbnails");
  store.keep(numbered_key(0), bytes_of(0));
  fs::remove_all(folder / "thumbnails");
  store.keep(numbered_key(1), bytes_of(1));
  EXPECT_EQ(store.find(numbered_key(1)), bytes_of(1));
  EXPECT_EQ(right_ones(ThumbnailStore(folder / "thumbnails"), 2), 1);
}

TEST(ThumbnailStore, HoldsNoWrongBytesAfterKills) {
  TemporaryFolder folder;
  constexpr std::uint64_t kMost = 4000;
  core::Random random{1};
  for (int kill = 0; kill < 4; ++kill) {
    const pid_t process = ::fork();
    ASSERT_GE(process, 0);
    if (process == 0) {
      ThumbnailStore store(folder.path());
      for (std::uint64_t i = 0; i < kMost; ++i) store.keep(numbered_key(i), bytes_of(i));
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random.below(25)));
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    ThumbnailStore store(folder.path());
    EXPECT_EQ(right_ones(store, kMost), store.size());
  }
}

}  // namespace
}  // namespace margay::studio
