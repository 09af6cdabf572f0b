#include "margay/data/edits/sorted_folder.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

const Labels kClasses = {"cat", "dog"};

TEST(SortedFolder, TellsWhatWentWhere) {
  const TemporaryFolder folder;
  for (const char* name : {"1.jpg", "2.jpg", "3.jpg"}) write(folder / name, name);
  SortedFolder sorted(folder / "out", kClasses, PlacedAs::kCopy);
  sorted.add(folder / "1.jpg", {.labels = {"cat"}, .probability = .75, .best = "cat"});
  sorted.add(folder / "2.jpg", {.probability = .5, .best = "dog"});
  sorted.add(folder / "3.jpg", {.labels = {"cat", "dog"}, .probability = .9, .best = "dog"});
  sorted.add_unreadable(folder / "4.jpg", "4.jpg: no image,\nbut a text");
  sorted.add_unreadable(folder / "4.jpg", "again");
  const std::string root = fs::canonical(folder.path()).string();
  EXPECT_EQ(file_content(folder / "out/sorted.csv"),
            "path,label,probability,sorted_to,how\n" + root + "/1.jpg,cat,0.750000,cat/1.jpg,copy\n" + root +
                "/2.jpg,dog,0.500000,none_of_these/2.jpg,copy\n" + root + "/3.jpg,cat,0.900000,cat/3.jpg,copy\n" +
                root + "/3.jpg,dog,0.900000,dog/3.jpg,copy\n");
  EXPECT_EQ(file_content(folder / "out/unreadable.csv"),
            "path,problem\n" + root + "/4.jpg,\"4.jpg: no image, but a text\"\n");
  EXPECT_EQ(sorted.added(), 3U);
  EXPECT_EQ(sorted.unreadable(), 2U);
}

TEST(SortedFolder, ASecondSortingAddsNothingTwiceAndLeavesWhatAPersonHasMoved) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "an image");
  SortedFolder(folder / "out", kClasses, PlacedAs::kCopy).add(folder / "1.jpg", {.labels = {"cat"}});
  fs::create_directories(folder / "out/dog");
  fs::rename(folder / "out/cat/1.jpg", folder / "out/dog/1.jpg");
  SortedFolder again(folder / "out", kClasses, PlacedAs::kLink);
  EXPECT_TRUE(again.was_sorted(folder / "1.jpg"));
  again.add(folder / "1.jpg", {.labels = {"cat"}});
  EXPECT_EQ(again.added(), 0U);
  EXPECT_FALSE(fs::exists(folder / "out/cat/1.jpg"));
}

TEST(SortedFolder, IsSortedIntoByOneProcessAtATime) {
  const TemporaryFolder folder;
  const auto sort = [&] { return SortedFolder(folder / "out", kClasses, PlacedAs::kCopy); };
  {
    const SortedFolder first = sort();
    EXPECT_NE(thrown_message<core::Error>(sort).find("out: another process is at work here; wait until it ends"),
              std::string::npos);
  }
  EXPECT_NO_THROW(sort());
}

TEST(SortedFolder, AnImageThatIsInPlaceWithoutItsLineIsFound) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "an image");
  write(folder / "out/cat/1.jpg", "an image");  // killed before the line was written
  write(folder / "out/sorted.csv", "path,label,probability,sorted_to,how\n/home/x,ca");
  {
    SortedFolder sorted(folder / "out", kClasses, PlacedAs::kCopy);
    sorted.add(folder / "1.jpg", {.labels = {"cat"}});
    EXPECT_EQ(sorted.found(), 1U);
    EXPECT_EQ(sorted.added(), 0U);
  }
  EXPECT_FALSE(fs::exists(folder / "out/cat/1-2.jpg"));
  EXPECT_TRUE(SortedFolder(folder / "out", kClasses, PlacedAs::kCopy).was_sorted(folder / "1.jpg"));
}

TEST(SortedFolder, AFullDiskKeepsWhatWasSorted) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "small");
  write(folder / "2.jpg", std::string(9000, 'x'));
  {
    SortedFolder sorted(folder / "out", kClasses, PlacedAs::kCopy);
    sorted.add(folder / "1.jpg", {.labels = {"cat"}});
    const testing_support::FileSizeLimit limit(4000);
    EXPECT_THROW(sorted.add(folder / "2.jpg", {.labels = {"cat"}}), core::IoError);
  }
  SortedFolder again(folder / "out", kClasses, PlacedAs::kCopy);
  EXPECT_TRUE(again.was_sorted(folder / "1.jpg"));
  again.add(folder / "2.jpg", {.labels = {"cat"}});
  EXPECT_EQ(again.added(), 1U);
}

TEST(SortedFolder, RefusesTablesAndClassesThatItCannotTakeFor) {
  const TemporaryFolder folder;
  write(folder / "out/sorted.csv", "my,own,table\n1,2,3\n");
  EXPECT_NE(thrown_message<core::FormatError>([&] {
              SortedFolder(folder / "out", kClasses, PlacedAs::kCopy);
            }).find("this is no table of an earlier sorting"),
            std::string::npos);
  EXPECT_EQ(file_content(folder / "out/sorted.csv"), "my,own,table\n1,2,3\n");
  EXPECT_THROW(SortedFolder(folder / "other", {"none_of_these"}, PlacedAs::kCopy), core::DataError);
}

TEST(SortedFolder, NamesMayHoldAnyBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"a,\"b\".jpg", "\xFF.jpg", "two\nlines.jpg"}) {
    write(folder / name, name);
    SortedFolder(folder / "out", kClasses, PlacedAs::kCopy).add(folder / name, {.labels = {"cat"}});
    EXPECT_TRUE(SortedFolder(folder / "out", kClasses, PlacedAs::kCopy).was_sorted(folder / name)) << name;
  }
}

}  // namespace
}  // namespace margay::data
