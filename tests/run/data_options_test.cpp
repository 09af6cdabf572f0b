#include "margay/run/data_options.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/support/edited_data.h"
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
  EXPECT_EQ(refusal({.split = data::SplitKind::kRandom, .group_regex = "(a)"}),
            "[data] `group_regex` and `split` random both set the split; give one");
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
  EXPECT_EQ(several.warnings.front().find("left out 7 images that the table does not list: '"), 0U)
      << several.warnings.front();
  EXPECT_NE(several.warnings.at(1).find("1 of the 3 rows"), std::string::npos);
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
  EXPECT_EQ(grouped.valid->group(0), grouped.valid->group(1));
  EXPECT_EQ(grouped.valid->path(0).filename().string().substr(0, 2),
            grouped.valid->path(1).filename().string().substr(0, 2))
      << "both images of one owner";
}

TEST(DataFlags, DrawWholeGroupsWhereGroupsAreGiven) {
  const PetFolder pets;
  const data::Datasets drawn = pets.datasets({.group_regex = "/(p.)_"});
  ASSERT_EQ(drawn.valid->size(), 2U);
  EXPECT_EQ(drawn.valid->group(0), drawn.valid->group(1));
  EXPECT_EQ(drawn.valid->group(0).has_value(), true);
  EXPECT_TRUE(drawn.warnings.empty());
}

TEST(DataFlags, LeaveASplitThatIsThereAsItIsThoughGroupsAreGiven) {
  const TemporaryFolder folder;
  for (const char* part : {"train", "valid"}) {
    for (int i = 0; i < 4; ++i) write(folder / part / "cat" / (std::to_string(i) + ".jpg"), "x");
  }
  const data::Datasets datasets = make_block(folder.path(), {.group_regex = "([0-9])\\.jpg$"}).datasets();
  EXPECT_EQ(datasets.valid->size(), 4U);
  EXPECT_EQ(datasets.valid->group(1), datasets.train->group(1));
  const bool warns = std::any_of(datasets.warnings.begin(), datasets.warnings.end(), [](const std::string& warning) {
    return warning.starts_with("4 groups have images in the training set and in the validation set");
  });
  EXPECT_TRUE(warns);
}

TEST(DataFlags, NeverTrainOnWhatLiesBelowTest) {
  const TemporaryFolder folder;
  for (const char* part : {"train", "test"}) {
    for (int i = 0; i < 4; ++i) write(folder / part / "cat" / (std::to_string(i) + ".jpg"), "x");
  }
  const data::Datasets drawn = make_block(folder.path(), {.valid_fraction = 0.5}).datasets();
  EXPECT_EQ(drawn.train->size() + drawn.valid->size(), 4);
  EXPECT_NE(drawn.warnings.front().find("left out 4 images of the test set"), std::string::npos)
      << drawn.warnings.front();
  EXPECT_EQ(make_block(folder.path(), {}).datasets().train->size(), 4)
      << "where a draw is made without being asked for";
}

/// A folder of images of the given names, one byte each.
struct NamedImages {
  NamedImages(std::initializer_list<const char*> names) {
    for (const char* name : names) write(folder / name, "x");
  }
  data::Datasets datasets(const DataOptions& options = {}) const {
    return make_block(folder.path(), options).datasets();
  }
  std::string sizes(const DataOptions& options = {}) const {
    const data::Datasets sets = datasets(options);
    return std::to_string(sets.train->size()) + "+" + std::to_string(sets.valid->size());
  }
  std::string problem(const DataOptions& options = {}) const {
    return thrown_message<core::DataError>([&] { datasets(options); });
  }
  TemporaryFolder folder;
};

bool any_contains(const std::vector<std::string>& texts, std::string_view part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

TEST(DataFolders, SplitByTheUsualNames) {
  const NamedImages data({"training/cat/1.jpg", "training/dog/2.jpg", "training/dog/3.jpg", "validation/cat/4.jpg",
                          "TEST/cat/5.jpg", "TEST/6.jpg"});
  EXPECT_EQ(data.sizes(), "3+1");
  const data::Datasets sets = data.datasets();
  EXPECT_EQ(sets.vocabulary.names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_TRUE(any_contains(sets.warnings, "left out 2 images of the test set: '")) << sets.warnings.front();
  EXPECT_FALSE(any_contains(sets.warnings, "neither side"));
  EXPECT_EQ(data.sizes({.valid_fraction = 0.5}), "2+2") << "a draw never takes the test set";
}

TEST(DataFolders, DrawTheValidationSetFromTrainingWhereOnlyATestIsApart) {
  const NamedImages data({"Training/cat/1.jpg", "Training/cat/2.jpg", "Training/dog/3.jpg", "Training/dog/4.jpg",
                          "Training/dog/5.jpg", "Testing/cat/6.jpg"});
  EXPECT_EQ(data.sizes(), "4+1");
  EXPECT_TRUE(any_contains(data.datasets().warnings, "Testing/cat/6.jpg"));
}

TEST(DataFolders, AskWhatALayoutMeansUnlessAFlagDecides) {
  const NamedImages data({"train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg", "extra/cat/4.jpg", "test/dog/5.jpg"});
  EXPECT_NE(data.problem().find("'extra' beside them is of neither part; name the folders with `train_folder`"),
            std::string::npos)
      << data.problem();
  EXPECT_EQ(data.sizes({.train_folder = "train", .valid_folder = "val"}), "2+1");
  EXPECT_TRUE(any_contains(data.datasets({.train_folder = "train", .valid_folder = "val"}).warnings,
                           "left out 1 image outside the folders of `train_folder` and `valid_folder`: '"));
  EXPECT_EQ(data.sizes({.valid_folder = "val"}), "3+1") << "the others train, the test set does not";
  EXPECT_EQ(data.sizes({.train_folder = "train"}), "2+0") << "the set that is drawn from";
  EXPECT_EQ(data.sizes({.valid_fraction = 0.25}), "3+1");
  EXPECT_EQ(data.sizes({.valid_folder = "test"}), "4+1");
  EXPECT_NE(data.problem({.valid_folder = "vall"})
                .find("`valid_folder`: no image lies below a folder 'vall'; did you mean 'val'?"),
            std::string::npos);
  EXPECT_NE(data.problem({.train_folder = "nope"})
                .find("`train_folder`: no image lies below a folder 'nope'; the folders here are 'cat', 'dog', "),
            std::string::npos)
      << data.problem({.train_folder = "nope"});
  EXPECT_EQ(data.sizes({.valid_folder = (data.folder / "train/cat").string() + "/"}), "3+1");
}

TEST(DataFolders, TakeAClassCalledTrain) {
  const NamedImages data({"train/1.jpg", "bus/2.jpg", "car/3.jpg", "bus/4.jpg", "train/5.jpg"});
  EXPECT_EQ(data.datasets().vocabulary.names(), (std::vector<std::string>{"bus", "car", "train"}));
  EXPECT_EQ(data.sizes(), "4+1");
}

TEST(DataFolders, NeedFoldersOfClassesOrAnotherSourceOfLabels) {
  const NamedImages data({"train/cat_1.jpg", "train/dog_2.jpg", "val/cat_3.jpg"});
  EXPECT_NE(data.problem().find("the images of the training set lie in no folder of a class"), std::string::npos);
  EXPECT_EQ(data.sizes({.label_regex = "^([a-z]+)_"}), "2+1");
  const NamedImages inside({"cat/train/1.jpg", "dog/train/2.jpg", "cat/val/3.jpg"});
  EXPECT_NE(inside.problem().find("`label_folder`"), std::string::npos) << inside.problem();
  EXPECT_EQ(inside.sizes({.label_folder = 2}), "2+1");
}

TEST(DataFolders, RefuseASplitWithoutACommonClassOrWithAnEmptySide) {
  const NamedImages data({"train/steam/1.jpg", "test/exam/2.jpg", "val/oral/3.jpg"});
  EXPECT_NE(data.problem().find("no class in common: 'steam' train, 'oral' validate"), std::string::npos);
  const NamedImages empty({"train/cat/1.jpg", "train/dog/2.jpg", "valid/notes.txt"});
  EXPECT_NE(empty.problem().find("valid: this folder of a validation set holds no image"), std::string::npos);
  EXPECT_EQ(empty.sizes({.valid_fraction = 0.5}), "1+1");
}

TEST(DataFolders, LeaveOutImagesBesideTheClasses) {
  const NamedImages data({"collage.jpg", "cat/1.jpg", "dog/2.jpg"});
  const data::Datasets sets = data.datasets({.valid_fraction = 0});
  EXPECT_EQ(sets.vocabulary.names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_TRUE(any_contains(sets.warnings, "left out 1 image that lies beside the class folders: '"));
  EXPECT_EQ(make_unsplit_block(data.folder.path(), {}).datasets().train->size(), 2U);
  EXPECT_EQ(data.sizes({.label_regex = "^(.)", .valid_fraction = 0}), "3+0") << "where folders are no classes";
  const NamedImages many({"1.jpg", "2.jpg", "3.jpg", "cat/4.jpg"});
  EXPECT_NE(many.problem().find("3 of 4 images lie beside the folders of classes"), std::string::npos);
  EXPECT_EQ(NamedImages({"1.jpg", "2.jpg"}).sizes({.valid_fraction = 0}), "2+0") << "one class, named after its folder";
}

TEST(DataFolders, WarnOfAClassWithFoldersInIt) {
  const NamedImages data({"cat/1.jpg", "cat/old/2.jpg", "dog/3.jpg"});
  EXPECT_TRUE(any_contains(data.datasets({.valid_fraction = 0}).warnings, "cat and in folders below it"));
}

TEST(DataFolders, AskForASplitThatAFileHolds) {
  const NamedImages data({"cat/1.jpg", "dog/2.jpg", "cat/3.jpg"});
  write(data.folder / "split.csv", "name,is_valid\ncat/1.jpg,1\ndog/2.jpg,0\ncat/3.jpg,0\n");
  EXPECT_NE(data.problem().find("split.csv' holds a split that is not asked for; take it with `valid_csv`"),
            std::string::npos);
  EXPECT_EQ(data.sizes({.valid_csv = data.folder / "split.csv"}), "2+1");
  EXPECT_EQ(data.sizes({.valid_fraction = 0}), "3+0");
}

TEST(DataFolders, NeverTrainOnATestSetBesideAList) {
  const NamedImages data({"train/cat/1.jpg", "train/cat/2.jpg", "test/cat/3.jpg"});
  write(data.folder / "list.lst", "train/cat/2.jpg\n");
  EXPECT_EQ(data.sizes({.valid_list = data.folder / "list.lst"}), "1+1");
}

TEST(DataFolders, AreCheckedWithTheirGaps) {
  const NamedImages data({"collage.jpg", "train/cat/1.jpg", "val/cat/2.jpg", "test/cat/3.jpg", "test/4.jpg"});
  const data::DataBlock block = make_block(data.folder.path(), {}, data::Gaps::kKeep);
  EXPECT_EQ(block.paths().size(), 4) << "a test image without a class is no fault";
  EXPECT_FALSE(block.labeller()->label((data.folder / "collage.jpg").string()));
  const NamedImages unclear({"train/cat/1.jpg", "val/cat/2.jpg", "extra/cat/3.jpg"});
  EXPECT_EQ(make_block(unclear.folder.path(), {}, data::Gaps::kKeep).paths().size(), 3);
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

TEST(DataFlags, ApplyDecisionsWhenAskedAndElseTellOfThem) {
  const PetFolder pets;
  write(pets.folder / "cat/p0_0.jpg", "a dog");
  const auto& folder = pets.folder.path();
  const auto warnings = [&](const DataOptions& options) {
    std::string text;
    for (const std::string& warning : pets.datasets(options).warnings) text += warning + "\n";
    return text;
  };
  EXPECT_EQ(warnings({}).find("decision"), std::string::npos);
  const std::string absent = thrown_message<core::DataError>([&] { make_block(folder, DataOptions{.edits = true}); });
  EXPECT_NE(absent.find("there is no journal of decisions beside the images"), std::string::npos) << absent;
  data::Journal journal = testing_support::journal_for(folder);
  journal.append(
      testing_support::decision_about(folder, "cat/p0_0.jpg", data::DecisionKind::kRelabel, {"cat"}, {"dog"}));
  journal.append(testing_support::decision_about(folder, "dog/p1_1.jpg", data::DecisionKind::kDelete, {"dog"}));
  EXPECT_NE(warnings({}).find("holds 2 decisions about these images, and is not read; `edits` applies them"),
            std::string::npos)
      << warnings({});
  EXPECT_NE(warnings({.edits = true}).find("2 of 2 decisions"), std::string::npos) << warnings({.edits = true});
  EXPECT_EQ(warnings({.edits = true}).find("not read"), std::string::npos);
  const data::Datasets before = pets.datasets({});
  const data::Datasets after = pets.datasets({.edits = true});
  EXPECT_EQ(after.train->size() + after.valid->size() + 1, before.train->size() + before.valid->size());
  EXPECT_EQ(make_unsplit_block(folder, {.edits = true}).datasets().train->size(), 9U);
  std::filesystem::rename(data::journal_beside(folder), folder / "elsewhere.jsonl");
  EXPECT_EQ(pets.datasets({.journal = folder / "elsewhere.jsonl"}).train->size(), after.train->size());
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
