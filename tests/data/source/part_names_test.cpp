#include "margay/data/source/part_names.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

using enum SplitPart;

TEST(SplitWord, KnowsTheUsualWordsInAnyCase) {
  for (const char* word : {"train", "Training", "TRAIN", "trn", "train_set", "Training Set", "trainset", "train2017",
                           "train-images", "ｔｒａｉｎ"}) {
    EXPECT_EQ(split_word(word), SplitPart::kTrain) << word;
  }
  for (const char* word : {"valid", "Validation", "VAL", "dev", "validate", "val_set", "val2017", "Valid "}) {
    EXPECT_EQ(split_word(word), SplitPart::kValid) << word;
  }
  for (const char* word : {"test", "Test", "testing", "tst", "eval", "holdout", "hold-out", "test_data", "test1"}) {
    EXPECT_EQ(split_word(word), SplitPart::kTest) << word;
  }
}

TEST(SplitWord, LeavesOtherNamesAlone) {
  for (const char* word : {"", "bus", "trains", "strain", "set", "images", "data", "1", "2017", "true", "validity",
                           "latest", "tests_of_courage", "devil", "evaluated", "train/cup"}) {
    EXPECT_EQ(split_word(word), std::nullopt) << word;
  }
}

std::optional<SplitPart> plain_part(std::string_view name) {
  const auto found = part_of_name(name);
  return found && found->rest.empty() ? std::optional(found->part) : std::nullopt;
}

TEST(PartNames, KnowTheUsualNamesInAnyCase) {
  for (const char* name : {"train", "Train", "TRAIN", "training", "Training", "trn", "trainval", "train_val"})
    EXPECT_EQ(plain_part(name), kTrain) << name;
  for (const char* name : {"valid", "Validation", "VAL", "val", "dev", "Development"})
    EXPECT_EQ(plain_part(name), kValid) << name;
  for (const char* name : {"test", "Testing", "TEST", "eval", "evaluation", "holdout"})
    EXPECT_EQ(plain_part(name), kTest) << name;
}

TEST(PartNames, LookThroughWordsThatSayNothing) {
  for (const char* name : {"train_images", "TrainImages", "train-set", "trainset", "training data", "imgs_train",
                           "train2017", "train_1", "Training_Set_2"})
    EXPECT_EQ(plain_part(name), kTrain) << name;
  EXPECT_EQ(plain_part("val2017"), kValid);
  EXPECT_EQ(plain_part("testset"), kTest);
}

TEST(PartNames, KeepTheOtherWords) {
  EXPECT_EQ(part_of_name("seg_train")->rest, "seg");
  EXPECT_EQ(part_of_name("trainA")->rest, "a");
  EXPECT_EQ(part_of_name("fold1_val")->rest, "fold 1");
  EXPECT_EQ(part_of_name("test-multiple_fruits")->rest, "multiple fruits");
}

TEST(PartNames, AreNotFoundInsideOtherWords) {
  for (const char* name : {"trains", "trainer", "device", "valley", "value", "contest", "invalid", "cat", "", "2017",
                           "latest", "evaluate"})
    EXPECT_FALSE(part_of_name(name)) << name;
  EXPECT_FALSE(part_of_name("train_test")) << "two parts are none";
}

TEST(PartNames, KnowNamesOfSplitsAndFolds) {
  for (const char* name : {"split", "my_splits", "train_test_split", "train_val"})
    EXPECT_TRUE(names_a_split(name)) << name;
  for (const char* name : {"train", "labels", "splitting", "banana_split_recipe"}) {
    EXPECT_EQ(names_a_split(name), std::string_view(name).starts_with("banana")) << name;
  }
  EXPECT_TRUE(names_a_fold("fold_1"));
  EXPECT_TRUE(names_a_fold("Fold10"));
  EXPECT_FALSE(names_a_fold("fold"));
  EXPECT_FALSE(names_a_fold("unfold1"));
}

}  // namespace
}  // namespace margay::data
