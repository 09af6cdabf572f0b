#include "margay/data/edits/class_folders.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::write;

/// All files below a folder, hidden ones too.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(folder).generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ClassFolders, CopiesLinksAndNamesWithoutReplacingAFile) {
  const TemporaryFolder folder;
  write(folder / "a/1.jpg", "first");
  write(folder / "b/1.jpg", "second");
  const ClassFolders classes(folder / "out");
  EXPECT_EQ(classes.place(folder / "a/1.jpg", "cat", PlacedAs::kCopy).name, "cat/1.jpg");
  EXPECT_EQ(classes.place(folder / "b/1.jpg", "cat", PlacedAs::kCopy).name, "cat/1-2.jpg");
  EXPECT_EQ(file_content(folder / "out/cat/1.jpg"), "first");
  EXPECT_EQ(file_content(folder / "out/cat/1-2.jpg"), "second");
  const PlacedImage link = classes.place(folder / "a/1.jpg", "dog", PlacedAs::kLink);
  EXPECT_TRUE(fs::is_symlink(folder / "out/dog/1.jpg"));
  EXPECT_FALSE(link.was_there);
  classes.place(folder / "b/1.jpg", "emu", PlacedAs::kHardlink);
  EXPECT_TRUE(fs::equivalent(folder / "b/1.jpg", folder / "out/emu/1.jpg"));
  EXPECT_FALSE(fs::is_symlink(folder / "out/emu/1.jpg"));
}

TEST(ClassFolders, PutsTheSameImageThereOnce) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "cat");
  const ClassFolders classes(folder / "out");
  for (const auto& [how, name] : names(PlacedAs{})) {
    EXPECT_FALSE(classes.place(folder / "1.jpg", name, how).was_there) << name;
    const PlacedImage again = classes.place(folder / "1.jpg", name, how);
    EXPECT_TRUE(again.was_there) << name;
    EXPECT_EQ(again.name, std::string(name) + "/1.jpg");
  }
  EXPECT_TRUE(classes.place_bytes("cat", "1.jpg", "copy").was_there);
  EXPECT_FALSE(classes.place_bytes("other", "1.jpg", "copy").was_there);
  EXPECT_EQ(files_below(folder / "out"),
            (std::vector<std::string>{"copy/1-2.jpg", "copy/1.jpg", "hardlink/1.jpg", "link/1.jpg"}));
}

TEST(ClassFolders, AFullDiskLeavesNothingThere) {
  const TemporaryFolder folder;
  write(folder / "big.jpg", std::string(5000, 'x'));
  const ClassFolders classes(folder / "out");
  {
    const testing_support::FileSizeLimit limit(1000);
    EXPECT_THROW(classes.place(folder / "big.jpg", "cat", PlacedAs::kCopy), core::IoError);
    EXPECT_THROW(classes.place_bytes(std::string(5000, 'y'), "b.jpg", "cat"), core::IoError);
  }
  EXPECT_TRUE(files_below(folder / "out").empty());
  EXPECT_EQ(classes.place(folder / "big.jpg", "cat", PlacedAs::kCopy).name, "cat/big.jpg");
}

TEST(ClassFolders, NamesFoldersSoThatEveryLabelHasOneOfItsOwn) {
  for (const char* label : {"cat", "a/b", "a%2Fb", "..", ".hidden", "50 %", "tab\there", "猫", "%"}) {
    const std::string name = folder_of_class(label);
    EXPECT_EQ(class_of_folder(name), label);
    EXPECT_EQ(name.find('/'), std::string::npos);
    EXPECT_NE(name.front(), '.');
  }
  EXPECT_EQ(folder_of_class("a/b"), "a%2Fb");
  EXPECT_EQ(folder_of_class("a%2Fb"), "a%252Fb");
  EXPECT_THROW(folder_of_class(""), std::invalid_argument);
  EXPECT_THROW(folder_of_class(std::string(256, 'x')), std::invalid_argument);
}

TEST(ClassNames, AreWhatAFolderCanBearAsTheyAre) {
  for (const char* label : {"cat", "Löwe", "50 %", "a.b", "%2g"}) EXPECT_EQ(problem_of_class_name(label), "") << label;
  for (const char* label : {"", "a/b", ".hidden", " cat", "cat ", "tab\there", "a\xFF", "a%2Fb"}) {
    EXPECT_NE(problem_of_class_name(label), "") << label;
  }
  EXPECT_EQ(problem_of_class_name(std::string(200, 'x')), "");
  EXPECT_NE(problem_of_class_name(std::string(201, 'x')), "");
}

TEST(ClassFolders, RefusesNamesThatLeadElsewhere) {
  const TemporaryFolder folder;
  const ClassFolders classes(folder / "out");
  EXPECT_EQ(classes.place_bytes("x", "../../evil.jpg", "cat").name, "cat/evil.jpg");
  for (const char* name : {"", "..", ".hidden.jpg"}) {
    EXPECT_THROW(classes.place_bytes("x", name, "cat"), std::invalid_argument) << name;
  }
  EXPECT_THROW(classes.place(folder / "none.jpg", "cat", PlacedAs::kCopy), core::DataError);
}

TEST(ClassFolders, ManyThreadsReplaceNoFileOfEachOther) {
  const TemporaryFolder folder;
  const ClassFolders classes(folder / "out");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&classes, t] {
      for (int i = 0; i < 10; ++i) classes.place_bytes(std::to_string(100 * t + i), "1.jpg", "cat");
    });
  }
  threads.clear();
  std::vector<std::string> contents;
  for (const std::string& name : files_below(folder / "out")) contents.push_back(file_content(folder / "out" / name));
  std::sort(contents.begin(), contents.end());
  contents.erase(std::unique(contents.begin(), contents.end()), contents.end());
  EXPECT_EQ(contents.size(), 40U);
}

}  // namespace
}  // namespace margay::data
