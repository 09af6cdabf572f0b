#include "margay/run/data_options.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

/// Five images of each of two classes: "cat/p0_0.jpg" … "dog/p4_1.jpg".
struct PetFolder {
  PetFolder() {
    for (int i = 0; i < 5; ++i) {
      write(folder / "cat" / ("p" + std::to_string(i) + "_0.jpg"), "x");
      write(folder / "dog" / ("p" + std::to_string(i) + "_1.jpg"), "x");
    }
  }
  data::Datasets datasets(const DataOptions& options) const { return make_block(folder.path(), options).datasets(); }
  TemporaryFolder folder;
};

std::string refusal(const DataOptions& options) {
  return thrown_message<std::invalid_argument>([&] { make_block("nowhere", options); });
}

TEST(DataFlags, NameBothOptionsThatExcludeEachOther) {
  EXPECT_EQ(refusal({.label_regex = "(a)", .labels_csv = "t.csv"}),
            "[data] `label_regex` and `labels_csv` both set the labels; give one");
  EXPECT_EQ(refusal({.label_path_regex = "(a)", .label_folder = 2}),
            "[data] `label_path_regex` and `label_folder` both set the labels; give one");
  EXPECT_EQ(refusal({.valid_csv = "t.csv", .valid_fraction = 0.1}),
            "[data] `valid_csv` and `valid_fraction` both set the split; give one");
  EXPECT_EQ(refusal({.valid_csv = "t.csv", .valid_list = "t.txt"}),
            "[data] `valid_csv` and `valid_list` both set the split; give one");
  EXPECT_EQ(refusal({.valid_list = "t.txt", .split = data::SplitKind::kStratified}),
            "[data] `valid_list` and `split` both set the split; give one");
  EXPECT_EQ(refusal({.labels_csv = "t.csv", .label_delimiter = ";", .label_columns = "a,b"}),
            "[data] `label_delimiter` and `label_columns` both set the columns of the labels; give one");
  EXPECT_EQ(refusal({.valid_fraction = 0.1, .fold = 1, .folds = 5}),
            "[data] `folds` and `valid_fraction` both set the size of the validation set; give one");
}

TEST(DataFlags, RefuseOptionsThatWouldDoNothing) {
  EXPECT_EQ(refusal({.group_regex = "(a)"}), "[data] `group_regex` needs `split` grouped; give both, or neither");
  EXPECT_EQ(refusal({.split = data::SplitKind::kGrouped}),
            "[data] `split` grouped needs `group_regex` or `group_column`; give one, or leave it out");
  EXPECT_EQ(refusal({.split = data::SplitKind::kGrouped, .group_column = "dog"}),
            "[data] `group_column` needs `labels_csv`; give both, or neither");
  EXPECT_EQ(
      refusal({.labels_csv = "t.csv", .split = data::SplitKind::kGrouped, .group_regex = "(a)", .group_column = "b"}),
      "[data] `group_regex` and `group_column` both set the groups; give one");
  EXPECT_EQ(refusal({.fold = 1}), "[data] `fold` needs `folds`; give both, or neither");
  EXPECT_EQ(refusal({.label_delimiter = ";"}), "[data] `label_delimiter` needs `labels_csv`; give both, or neither");
  EXPECT_EQ(refusal({.name_column = "file"}),
            "[data] `name_column` needs `labels_csv` or `valid_csv`; give one, or leave it out");
  EXPECT_NE(refusal({.label_folder = 0}).find("label_folder must lie in [1, 100]"), std::string::npos);
}

TEST(DataFlags, SayLabelsByPathAndFolder) {
  const PetFolder pets;
  const std::vector<std::string> animals = {"cat", "dog"};
  EXPECT_EQ(pets.datasets({}).vocabulary.names(), animals);
  EXPECT_EQ(pets.datasets({.label_path_regex = "^(.+)/"}).vocabulary.names(), animals);
  EXPECT_EQ(pets.datasets({.label_regex = "^(p.)_"}).vocabulary.size(), 5);
  EXPECT_EQ(pets.datasets({.label_folder = 2}).vocabulary.names(),
            (std::vector<std::string>{pets.folder.path().filename().string()}));
}

TEST(DataFlags, DrawAsTheyAreTold) {
  const PetFolder pets;
  const data::Datasets stratified = pets.datasets({.split = data::SplitKind::kStratified});
  ASSERT_EQ(stratified.valid->size(), 2U);
  EXPECT_NE(stratified.valid->target(0), stratified.valid->target(1));
  const data::Datasets grouped =
      pets.datasets({.split = data::SplitKind::kGrouped, .group_regex = "/(p.)_", .fold = 2, .folds = 5});
  ASSERT_EQ(grouped.valid->size(), 2U);
  EXPECT_EQ(grouped.valid->path(0).filename().string().substr(0, 2),
            grouped.valid->path(1).filename().string().substr(0, 2));
  EXPECT_EQ(pets.datasets({.fold = 1, .folds = 2}).valid->size(), 5U);
}

TEST(DataFlags, ReadTablesAndLists) {
  const PetFolder pets;
  write(pets.folder / "valid.txt", "cat/p0_0.jpg\np1_1\n");
  EXPECT_EQ(pets.datasets({.valid_list = pets.folder / "valid.txt"}).valid->size(), 2U);
  write(pets.folder / "t.tsv",
        "photo\ttraits\tpart\ncat/p0_0\tsmall|grey\ttrain\ndog/p0_1\t\tvalid\ncat/p1_0\tsmall\ttest\n");
  const data::Datasets several = pets.datasets({.labels_csv = pets.folder / "t.tsv",
                                                .name_column = "photo",
                                                .label_column = "traits",
                                                .label_delimiter = "|",
                                                .valid_column = "part"});
  EXPECT_EQ(several.vocabulary.names(), (std::vector<std::string>{"grey", "small"}));
  EXPECT_EQ(several.train->classes(0).size(), 2U);
  EXPECT_TRUE(several.valid->classes(0).empty());
  EXPECT_NE(several.warnings.front().find("1 of the 3 rows"), std::string::npos);
  write(pets.folder / "hot.csv", "name,is_cat,is_dog\ncat/p0_0,1,0\ndog/p0_1,0,1\n");
  const data::Datasets hot =
      pets.datasets({.labels_csv = pets.folder / "hot.csv", .label_columns = "is_cat,is_dog", .valid_fraction = 0});
  EXPECT_EQ(hot.vocabulary.names(), (std::vector<std::string>{"is_cat", "is_dog"}));
}

TEST(DataFlags, DrawGroupsOfAColumn) {
  const PetFolder pets;
  std::string table = "name,label,owner\n";
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    table += "cat/p" + n + "_0,cat,o" + n + "\ndog/p" + n + "_1,dog,o" + n + "\n";
  }
  write(pets.folder / "t.csv", table);
  const data::Datasets grouped =
      pets.datasets({.labels_csv = pets.folder / "t.csv", .split = data::SplitKind::kGrouped, .group_column = "owner"});
  ASSERT_EQ(grouped.valid->size(), 2);
  EXPECT_EQ(grouped.valid->path(0).filename().string().substr(0, 2),
            grouped.valid->path(1).filename().string().substr(0, 2))
      << "both images of one owner";
}

TEST(DataFlags, NeverTrainOnWhatLiesBelowTest) {
  const TemporaryFolder folder;
  for (const char* part : {"train", "test"}) {
    for (int i = 0; i < 4; ++i) write(folder / part / "cat" / (std::to_string(i) + ".jpg"), "x");
  }
  const data::Datasets drawn = make_block(folder.path(), {.valid_fraction = 0.5}).datasets();
  EXPECT_EQ(drawn.train->size() + drawn.valid->size(), 4);
  EXPECT_NE(drawn.warnings.front().find("4 of the 8 images"), std::string::npos) << drawn.warnings.front();
  EXPECT_EQ(make_block(folder.path(), {}).datasets().train->size(), 4)
      << "where a draw is made without being asked for";
}

TEST(DataFlags, AskWhichOfTwoColumnsSplitsUnlessAFlagDecides) {
  const PetFolder pets;
  write(pets.folder / "two.csv", "name,label,split,subset\ncat/p0_0,cat,train,1\ndog/p0_1,dog,valid,0\n");
  const auto datasets = [&](DataOptions options) {
    options.labels_csv = pets.folder / "two.csv";
    return pets.datasets(options);
  };
  EXPECT_NE(thrown_message<core::DataError>([&] { datasets({}); }).find("say which with `valid_column`"),
            std::string::npos);
  EXPECT_EQ(datasets({.valid_column = "split"}).valid->label(0), "dog");
  EXPECT_EQ(datasets({.valid_fraction = 0}).train->size(), 2U);
}

TEST(DataFlags, JudgeEveryImageWhereNothingIsSplit) {
  const TemporaryFolder folder;
  for (const char* name : {"train/cat/1.jpg", "train/dog/1.jpg", "test/cat/2.jpg"}) write(folder / name, "x");
  EXPECT_EQ(make_unsplit_block(folder.path(), {}).datasets().train->size(), 3U);
}

TEST(DataFlags, KeepGapsForACheck) {
  const PetFolder pets;
  write(pets.folder / "t.csv", "name,label\ncat/p0_0,cat\ncat/p1_0,\ncat/ghost,cat\n");
  const DataOptions options = {.labels_csv = pets.folder / "t.csv"};
  EXPECT_THROW(make_block(pets.folder.path(), options), core::DataError);
  EXPECT_EQ(make_block(pets.folder.path(), options, data::Gaps::kKeep).paths().size(), 3);
}

TEST(DataFlags, ComeBackFromJsonAndLoseTheirSplit) {
  const DataOptions options{
      .labels_csv = "t.csv", .label_delimiter = ";", .split = data::SplitKind::kStratified, .fold = 2, .folds = 3};
  DataOptions again;
  core::from_json(core::to_json(options), again);
  EXPECT_EQ(core::to_json(again), core::to_json(options));
  EXPECT_EQ(core::to_json(without_split(options)),
            core::to_json(DataOptions{.labels_csv = "t.csv", .label_delimiter = ";"}));
}

}  // namespace
}  // namespace margay::run
