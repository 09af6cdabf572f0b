#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

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

TEST(PartSplit, PutsEachImageOnItsSide) {
  using enum SplitPart;
  const Items items = {{"1.jpg", "cat"}, {"2.jpg", "cat"}, {"3.jpg", "dog"}, {"4.jpg", "dog"}};
  const Split split = part_split({kTrain, kValid, kTest, std::nullopt}, "d")(items);
  EXPECT_EQ(split.train, (std::vector<std::size_t>{0}));
  EXPECT_EQ(split.valid, (std::vector<std::size_t>{1}));
  EXPECT_NE(thrown_message<core::DataError>([&] {
              part_split({kTrain, kTrain, kValid, kValid}, "d")(items);
            }).find("no class in common: 'cat' train, 'dog' validate"),
            std::string::npos);
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
  write(folder / "exact.txt", "dog_1.jpg\n");
  const Items exact = {{"pics/cat/dog_1.jpg", "x"}, {"pics/dog_1.jpg", "x"}};
  EXPECT_EQ(file_list_split(folder / "exact.txt", "pics")(exact).valid, (std::vector<std::size_t>{1}));
  write(folder / "empty.txt", "\n");
  EXPECT_THROW(file_list_split(folder / "empty.txt", "pics"), core::DataError);
  EXPECT_THROW(file_list_split(folder / "absent.txt", "pics"), core::DataError);
}

/// As many images of each class as said: "cat/0.jpg", "cat/1.jpg", …
Items items_of(const std::map<std::string, int>& counts) {
  Items items;
  for (const auto& [name, count] : counts) {
    for (int i = 0; i < count; ++i) items.add(name + "/" + std::to_string(i) + ".jpg", {name});
  }
  return items;
}

std::map<std::string, std::size_t> counts(const Items& items, const std::vector<std::size_t>& rows) {
  std::map<std::string, std::size_t> result;
  for (const std::size_t row : rows) {
    for (const std::uint32_t id : items.label_ids(row)) ++result[items.label_names()[id]];
  }
  return result;
}

void expect_each_once(const Items& items, const Split& split) {
  std::set<std::size_t> all(split.train.begin(), split.train.end());
  all.insert(split.valid.begin(), split.valid.end());
  EXPECT_EQ(all.size(), items.size());
  EXPECT_EQ(split.train.size() + split.valid.size(), items.size());
}

TEST(FileListSplit, ReadsListsOfAllSystems) {
  const TemporaryFolder folder;
  const Items items = {{"pics/sub/Zu\u0308rich.jpg", "x"}, {"pics/b.jpg", "x"}, {"pics/c.jpg", "x"}};
  for (const char* list :
       {"sub\\Z\u00FCrich.jpg\r\n  b.jpg \r\n\r\n", "sub/Zu\u0308rich\rb\r", "\xEF\xBB\xBFsub/Z\u00FCrich\n./b.jpg"}) {
    testing_support::write(folder / "valid.txt", list);
    EXPECT_EQ(file_list_split(folder / "valid.txt", "pics")(items).valid, (std::vector<std::size_t>{0, 1})) << list;
  }
}

TEST(StratifiedSplit, KeepsTheShareOfEveryClassAndOfAll) {
  const Items items = items_of({{"a", 50}, {"b", 100}, {"c", 7}, {"d", 2}, {"e", 1}});
  const Split split = stratified_split({.valid_fraction = 0.2, .seed = 3})(items);
  expect_each_once(items, split);
  auto valid = counts(items, split.valid);
  EXPECT_EQ(valid["a"], 10U);
  EXPECT_EQ(valid["b"], 20U);
  EXPECT_NEAR(static_cast<double>(valid["c"]), 1.4, 1);
  EXPECT_EQ(valid["d"], 1U);
  EXPECT_EQ(valid["e"], 0U);
}

TEST(StratifiedSplit, SumsUpToTheShareOfAllWhereClassesAreSmall) {
  std::map<std::string, int> classes;
  for (int k = 0; k < 200; ++k) classes["class_" + std::to_string(k)] = 7;
  const Items items = items_of(classes);
  EXPECT_NEAR(static_cast<double>(stratified_split()(items).valid.size()), 280, 2);
}

TEST(StratifiedSplit, IsDrawnBySeed) {
  const Items items = items_of({{"a", 50}, {"b", 50}});
  EXPECT_EQ(stratified_split({.seed = 1})(items).valid, stratified_split({.seed = 1})(items).valid);
  EXPECT_NE(stratified_split({.seed = 1})(items).valid, stratified_split({.seed = 2})(items).valid);
  EXPECT_TRUE(stratified_split({.valid_fraction = 0})(items).valid.empty());
}

/// Label k is on every 2^k-th image; "rare" on two.
Items multi_items() {
  Items items(Task::kMultiLabel);
  for (int i = 0; i < 200; ++i) {
    Labels labels;
    for (int k = 1; k <= 4; ++k) {
      if (i % (1 << k) == 0) labels.push_back("every_" + std::to_string(1 << k));
    }
    if (i == 7 || i == 8) labels.push_back("rare");
    items.add(std::to_string(i) + ".jpg", labels);
  }
  return items;
}

TEST(StratifiedSplit, KeepsTheShareOfEveryLabelWhereImagesHaveSeveral) {
  const Items items = multi_items();
  const Split split = stratified_split({.valid_fraction = 0.25, .seed = 1})(items);
  expect_each_once(items, split);
  auto valid = counts(items, split.valid);
  EXPECT_EQ(valid["rare"], 1U);
  EXPECT_NEAR(static_cast<double>(valid["every_16"]), 13 * 0.25, 1);
  EXPECT_NEAR(static_cast<double>(valid["every_2"]), 25, 2);
  EXPECT_NEAR(static_cast<double>(split.valid.size()), 50, 2);
}

TEST(GroupedSplit, NeverDividesAGroupAndComesNearTheShare) {
  Items items;
  for (int i = 0; i < 100; ++i) items.add("dog_" + std::to_string(i / 5) + "_" + std::to_string(i) + ".jpg", {"dog"});
  const Labeller group = regex_labels(R"(^(dog_\d+)_)");
  const Split split = grouped_split(group, {.valid_fraction = 0.2, .seed = 5})(items);
  expect_each_once(items, split);
  EXPECT_EQ(split.valid.size(), 20U);
  std::set<Labels> train;
  for (const std::size_t row : split.train) train.insert(*group.label(items.paths().text(row)));
  for (const std::size_t row : split.valid) EXPECT_FALSE(train.contains(*group.label(items.paths().text(row))));
}

TEST(GroupedSplit, TakesTheSmallestGroupWhenAllAreLarge) {
  const Items items = items_of({{"a", 50}, {"b", 49}});
  EXPECT_EQ(grouped_split(folder_labels(), {.valid_fraction = 0.05})(items).valid.size(), 49U);
}

TEST(GroupedSplit, RefusesOneGroupAndImagesWithoutOne) {
  const Items items = items_of({{"a", 3}});
  EXPECT_EQ(thrown_message<core::DataError>([&] { grouped_split(folder_labels())(items); }),
            "a: all 3 images are of one group by the name of the folder, which cannot be split; use smaller groups");
  EXPECT_EQ(thrown_message<core::DataError>([&] { grouped_split(regex_labels("(x)"))(items); }),
            "a: 3 of 3 images get no group by the pattern (x): '0.jpg', '1.jpg', '2.jpg'");
}

/// Each image validates in exactly one fold; returns the folds.
std::vector<Split> all_folds(const Items& items, const std::function<Splitter(FoldOptions)>& make, std::int64_t folds) {
  std::vector<Split> splits;
  std::set<std::size_t> valid;
  for (std::int64_t fold = 1; fold <= folds; ++fold) {
    splits.push_back(make({.fold = fold, .folds = folds})(items));
    expect_each_once(items, splits.back());
    for (const std::size_t row : splits.back().valid) EXPECT_TRUE(valid.insert(row).second);
  }
  EXPECT_EQ(valid.size(), items.size());
  return splits;
}

TEST(FoldSplit, LetsEachImageValidateOnce) {
  for (const Split& split : all_folds(items_of({{"a", 11}}), fold_split, 3)) {
    EXPECT_NEAR(static_cast<double>(split.valid.size()), 11.0 / 3, 1);
  }
}

TEST(FoldSplit, SpreadsClassesEvenlyWhenStratified) {
  const Items items = items_of({{"a", 10}, {"b", 5}});
  for (const Split& split : all_folds(items, stratified_fold_split, 5)) {
    EXPECT_EQ(counts(items, split.valid), (std::map<std::string, std::size_t>{{"a", 2}, {"b", 1}}));
  }
  const Items several = multi_items();
  for (const Split& split : all_folds(several, stratified_fold_split, 5)) {
    EXPECT_NEAR(static_cast<double>(counts(several, split.valid)["every_2"]), 20, 2);
  }
}

TEST(FoldSplit, KeepsGroupsWholeAndPartsEvenWhenGrouped) {
  const Items items = items_of({{"a", 10}, {"b", 5}, {"c", 5}, {"d", 10}});
  const auto make = [](FoldOptions options) { return grouped_fold_split(folder_labels(), options); };
  for (const Split& split : all_folds(items, make, 3)) EXPECT_EQ(split.valid.size(), 10U);
}

TEST(FoldSplit, RefusesFoldsThatCannotBe) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { fold_split({.fold = 6, .folds = 5}); }),
            "[fold_split] fold 6 of 5 folds; the last is 5");
  EXPECT_THROW(fold_split({.fold = 0}), std::invalid_argument);
  EXPECT_EQ(thrown_message<core::DataError>([] {
              fold_split({.folds = 5})(items_of({{"a", 3}}));
            }),
            "a: 3 images make no 5 folds; take fewer folds");
}

}  // namespace

}  // namespace margay::data
