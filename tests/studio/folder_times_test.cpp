#include "apps/studio/folder_times.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::write;

/// As if the folder had last been changed an hour ago.
void make_old(const fs::path& folder) {
  fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST(FolderTimes, SeesFilesThatComeAndGo) {
  const TemporaryFolder folder;
  write(folder / "a/1.jpg", "one");
  make_old(folder / "a");
  FolderTimes times;
  times.note(folder / "a");
  EXPECT_FALSE(times.have_changed());
  write(folder / "a/2.jpg", "two");
  EXPECT_TRUE(times.have_changed());
  times.clear();
  EXPECT_FALSE(times.have_changed());
}

TEST(FolderTimes, SeesWhatComesInTheSameTickOfTheClock) {
  const TemporaryFolder folder;
  write(folder / "a/1.jpg", "one");
  const fs::file_time_type now = fs::last_write_time(folder / "a");
  FolderTimes times;
  times.note(folder / "a");
  EXPECT_FALSE(times.have_changed());
  write(folder / "a/2.jpg", "two");
  fs::last_write_time(folder / "a", now);
  EXPECT_TRUE(times.have_changed());
}

TEST(FolderTimes, SeesAFolderThatComesOrGoes) {
  const TemporaryFolder folder;
  FolderTimes times;
  times.note(folder / "late");
  EXPECT_FALSE(times.have_changed());
  fs::create_directory(folder / "late");
  EXPECT_TRUE(times.have_changed());
  FolderTimes later;
  later.note(folder / "late");
  fs::remove(folder / "late");
  EXPECT_TRUE(later.have_changed());
}

TEST(FolderTimes, AJournalThatBeginsBesideTheImagesIsNoChangeOfThem) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "one");
  make_old(folder.path());
  FolderTimes times;
  times.note(folder.path(), FolderTimes::Counts::kNames);
  fs::create_directory(folder / ".margay");
  EXPECT_FALSE(times.have_changed());
  write(folder / "2.jpg", "two");
  EXPECT_TRUE(times.have_changed());
}

TEST(FolderTimes, WhatIsChangedWhileItIsReadHasChanged) {
  const TemporaryFolder folder;
  write(folder / "a/b/1.jpg", "one");
  for (const fs::path& each : {folder / "a/b", folder / "a", folder.path()}) make_old(each);
  const std::timespec begun = FolderTimes::now();
  const auto change_after = [&] {
    FolderTimes times;
    times.note_images(
        folder.path(), 1, [](std::size_t) { return std::string_view("a/b/1.jpg"); }, begun);
    EXPECT_EQ(times.size(), 3U);
    return times.change();
  };
  EXPECT_EQ(change_after(), FolderChange::kNone);
  fs::last_write_time(folder / "a/b", fs::file_time_type::clock::now() + std::chrono::seconds(1));
  EXPECT_EQ(change_after(), FolderChange::kChanged);
}

}  // namespace
}  // namespace margay::studio
