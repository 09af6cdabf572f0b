#include "margay/data/source/split_word.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

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

}  // namespace
}  // namespace margay::data
