#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/splits.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/write_file.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

Items numbered_items(std::size_t n) {
  Items items;
  for (std::size_t i = 0; i < n; ++i) items.add(std::to_string(i) + ".jpg", {"x"});
  return items;
}

TEST(RandomSplit, IsTheOneThatFastaiMakes) {
  const Split split = random_split({.valid_fraction = 0.2, .seed = 42})(numbered_items(10));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{2, 6}));
  EXPECT_EQ(split.train, (std::vector<std::size_t>{1, 8, 4, 5, 0, 9, 3, 7}));
}

TEST(RandomSplit, RefusesAnImpossibleShare) {
  EXPECT_THROW(random_split({.valid_fraction = 1.5}), std::invalid_argument);
}

TEST(FolderSplit, LooksAtFoldersBelowTheRoot) {
  const Items items = {{"train/data/train/3/a.png", ""}, {"train/data/valid/7/b.png", ""}};
  const Split split = folder_split("train/data")(items);
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{1}));
  EXPECT_THROW(folder_split("train/data")(Items{{"train/data/other/x.png", ""}}), core::DataError);
}

TEST(FolderSplit, IsDecidedByTheOutermostFolderAndLeavesTheTestOut) {
  const Items items = {{"d/train/valid/a.png", ""}, {"d/valid/train/b.png", ""}, {"d/test/valid/c.png", ""}};
  const Split split = folder_split("d")(items);
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{1}));
}

TEST(FolderSplit, KnowsWhatLiesBelowTest) {
  const Root root("d");
  EXPECT_TRUE(is_below_test(root, "d/test/valid/a.png"));
  EXPECT_TRUE(is_below_test(root, "d/x/test/a.png"));
  EXPECT_FALSE(is_below_test(root, "d/train/test/a.png"));
  EXPECT_FALSE(is_below_test(root, "d/cat/test.png"));
}

TEST(FolderSplit, TakesPathsThatAreWrittenOtherwise) {
  EXPECT_EQ(folder_split("data")(Items{{"./data//valid/a.png", ""}}).valid.size(), 1U);
}

TEST(FileListSplit, ValidatesTheNamesOfTheList) {
  const TemporaryFolder folder;
  write(folder / "valid.txt",
        "\xEF\xBB\xBF"
        "b.jpg\r\n\nsub/c\n");
  const Items items = {{"pics/a.jpg", "x"}, {"pics/b.jpg", "x"}, {"pics/sub/c.png", "x"}};
  const Split split = file_list_split(folder / "valid.txt", "pics")(items);
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{1, 2}));
}

TEST(FileListSplit, TakesAbsoluteNamesThoughItsRootIsRelative) {
  const TemporaryFolder folder;
  write(folder / "valid.txt", std::filesystem::absolute("pics/sub/../b.jpg").string() + "\n");
  const Items items = {{"pics/a.jpg", "x"}, {"pics/b.jpg", "x"}};
  EXPECT_EQ(file_list_split(folder / "valid.txt", "pics")(items).valid, (std::vector<std::size_t>{1}));
}

TEST(FileListSplit, MustFindEveryName) {
  const TemporaryFolder folder;
  write(folder / "valid.txt", "cta_1.jpg\ndog_1.jpg\n");
  const Items items = {{"pics/cat_1.jpg", "x"}, {"pics/dog_1.jpg", "x"}};
  const std::string list = (folder / "valid.txt").string();
  EXPECT_EQ(thrown_message<core::DataError>([&] { file_list_split(list, "pics")(items); }),
            list + ": 1 of the 2 images listed are not among the data: 'cta_1.jpg'; did you mean 'cat_1.jpg'?");
  const Items twice = {{"pics/cat/dog_1.jpg", "x"}, {"pics/dog/dog_1.jpg", "x"}};
  EXPECT_NE(thrown_message<core::DataError>([&] {
              file_list_split(list, "pics")(twice);
            }).find("'dog_1.jpg' names both pics/cat/dog_1.jpg and pics/dog/dog_1.jpg"),
            std::string::npos);
  write(folder / "empty.txt", "\n");
  EXPECT_THROW(file_list_split(folder / "empty.txt", "pics"), core::DataError);
  EXPECT_THROW(file_list_split(folder / "absent.txt", "pics"), core::DataError);
}

}  // namespace
}  // namespace margay::data
