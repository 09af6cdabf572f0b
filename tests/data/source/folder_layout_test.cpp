#include "margay/data/source/folder_layout.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

using enum SplitPart;

/// The layout of images below "d", each given by its path there.
struct LaidOut {
  LaidOut(std::initializer_list<const char*> names, std::int64_t label_levels = 1) : levels(label_levels) {
    for (const char* name : names) images.add(std::string("d/") + name);
  }
  FolderLayout read() const {
    return FolderLayout(Root("d"), images, [this](std::size_t i) {
      std::filesystem::path folder = images[i].parent_path();
      for (std::int64_t level = 1; level < levels; ++level) folder = folder.parent_path();
      return folder.filename().string();
    });
  }
  /// "tv-x" for images that train, validate, are said nothing of, are for the test.
  std::string parts() const {
    const FolderLayout layout = read();
    std::string text;
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto part = layout.part(i);
      text += !part ? '-' : *part == kTrain ? 't' : *part == kValid ? 'v' : 'x';
    }
    return layout.problem().empty() ? text : text + "!";
  }
  std::string loose() const {
    const FolderLayout layout = read();
    std::string text;
    for (std::size_t i = 0; i < images.size(); ++i) text += layout.is_loose(i, levels) ? 'L' : '-';
    return text;
  }

  PathList images;
  std::int64_t levels;
};

TEST(FolderLayout, TakesTheUsualNamesInAnyCase) {
  EXPECT_EQ(LaidOut({"training/cat/1.jpg", "validation/cat/2.jpg"}).parts(), "tv");
  EXPECT_EQ(LaidOut({"Train/cat/1.jpg", "Valid/cat/2.jpg"}).parts(), "tv");
  EXPECT_EQ(LaidOut({"train/cat/1.jpg", "dev/cat/2.jpg", "TEST/cat/3.jpg"}).parts(), "tvx");
  EXPECT_EQ(LaidOut({"Training/cat/1.jpg", "Testing/cat/2.jpg"}).parts(), "tx");
  EXPECT_EQ(LaidOut({"train_images/cat/1.jpg", "val_images/cat/2.jpg"}).parts(), "tv");
  EXPECT_EQ(LaidOut({"train2017/cat/1.jpg", "val2017/cat/2.jpg"}).parts(), "tv");
}

TEST(FolderLayout, SaysNothingWhereNoFolderIsCalledAsAPart) {
  EXPECT_EQ(LaidOut({"cat/1.jpg", "dog/2.jpg"}).parts(), "--");
  EXPECT_EQ(LaidOut({"1.jpg", "2.jpg"}).parts(), "--");
  EXPECT_EQ(LaidOut({"photo/cat/1.jpg", "sketch/cat/2.jpg"}).parts(), "--") << "domains, which share their classes";
}

TEST(FolderLayout, TakesAFolderCalledTrainAsAClassAmongOthers) {
  EXPECT_EQ(LaidOut({"train/1.jpg", "bus/2.jpg", "car/3.jpg"}).parts(), "---");
  EXPECT_EQ(LaidOut({"train/1.jpg"}).parts(), "-");
  EXPECT_EQ(LaidOut({"valid/1.jpg", "invalid/2.jpg"}).parts(), "--");
  EXPECT_EQ(LaidOut({"test/1.jpg", "control/2.jpg"}).parts(), "--");
  EXPECT_EQ(LaidOut({"train/bus/1.jpg", "train/train/2.jpg", "val/bus/3.jpg", "val/train/4.jpg"}).parts(), "ttvv");
  EXPECT_EQ(LaidOut({"bus/train/1.jpg", "bus/val/2.jpg", "train/train/3.jpg", "train/val/4.jpg"}, 2).parts(), "tvtv")
      << "a split inside each class";
  EXPECT_EQ(LaidOut({"vehicles/train/1.jpg", "animals/cat/2.jpg"}).parts(), "--");
}

TEST(FolderLayout, LooksIntoFoldersThatWrapOthers) {
  EXPECT_EQ(LaidOut({"images/train/cat/1.jpg", "images/val/cat/2.jpg"}).parts(), "tv");
  EXPECT_EQ(LaidOut({"a/b/Train/cat/1.jpg", "a/b/Valid/cat/2.jpg"}).parts(), "tv");
  EXPECT_EQ(
      LaidOut({"seg_train/seg_train/sea/1.jpg", "seg_test/seg_test/sea/2.jpg", "seg_pred/seg_pred/3.jpg"}).parts(),
      "txx");
  EXPECT_EQ(LaidOut({"training_set/training_set/cat/1.jpg", "test_set/test_set/cat/2.jpg"}).parts(), "tx");
  EXPECT_EQ(LaidOut({"plants/plants/train/oak/1.jpg", "plants/plants/valid/oak/2.jpg", "test/test/3.jpg"}).parts(),
            "tvx");
  EXPECT_EQ(LaidOut({"a/train/cat/1.jpg", "a/val/cat/2.jpg", "b/train/dog/3.jpg", "b/val/dog/4.jpg"}).parts(), "tvtv");
}

TEST(FolderLayout, TakesATestSetOfFurtherWordsBesideASplit) {
  EXPECT_EQ(LaidOut({"Training/fig/1.jpg", "Test/fig/2.jpg", "test-multiple_fruits/3.jpg"}).parts(), "txx");
}

TEST(FolderLayout, AsksWhereOneFolderIsOfNeitherPart) {
  const LaidOut data({"train/cat/1.jpg", "val/cat/2.jpg", "extra/cat/3.jpg"});
  EXPECT_EQ(data.parts(), "---!");
  EXPECT_EQ(
      data.read().problem(),
      "the folders 'train', 'val' look like a split, but 'extra' beside them is of neither part; name the folders "
      "with `train_folder` and `valid_folder`, or draw the validation set from all images with `valid_fraction`");
  EXPECT_EQ(LaidOut({"train/cat/1.jpg", "later/cat/2.jpg"}).parts(), "--!");
  EXPECT_EQ(LaidOut({"train/cat/1.jpg", "val/cat/2.jpg", "d/train/cat/1.jpg", "d/val/cat/2.jpg"}).parts(), "----!")
      << "a copy of the data inside itself";
  EXPECT_EQ(LaidOut({"cat/1.jpg", "dog/2.jpg", "test/cat/3.jpg"}).parts(), "--x!");
  EXPECT_EQ(LaidOut({"train/1.jpg", "test/2.jpg", "bus/3.jpg"}).parts(), "---!");
  EXPECT_EQ(LaidOut({"a/train/cat/1.jpg", "a/val/cat/2.jpg", "b/cat/3.jpg"}).parts(), "---!");
}

TEST(FolderLayout, AsksWhatTrainsWhereNoFolderSays) {
  EXPECT_NE(LaidOut({"val/cat/1.jpg"}).read().problem().find("a validation set, but no training set"),
            std::string::npos);
  EXPECT_NE(LaidOut({"test/cat/1.jpg", "test/dog/2.jpg"}).read().problem().find("a test set, but no training set"),
            std::string::npos);
  EXPECT_EQ(LaidOut({"fold1/cat/1.jpg", "fold2/cat/2.jpg"}).parts(), "--!");
  EXPECT_NE(LaidOut({"fold1/cat/1.jpg", "fold2/cat/2.jpg"}).read().problem().find("`split` grouped and `group_regex`"),
            std::string::npos);
  EXPECT_EQ(LaidOut({"trainA/1.jpg", "testA/2.jpg", "trainB/3.jpg", "testB/4.jpg"}).parts(), "----!");
}

TEST(FolderLayout, SeesImagesBesideTheFoldersOfClasses) {
  EXPECT_EQ(LaidOut({"all.jpg", "cat/1.jpg", "dog/2.jpg"}).loose(), "L--");
  EXPECT_EQ(LaidOut({"all.jpg", "images/all.jpg", "images/cat/1.jpg", "images/dog/2.jpg"}).loose(), "LL--");
  EXPECT_EQ(LaidOut({"all.jpg", "train/all.jpg", "train/cat/1.jpg", "val/cat/2.jpg"}).loose(), "LL--");
  EXPECT_EQ(LaidOut({"cat/1.jpg", "cat/old/2.jpg", "dog/3.jpg"}).loose(), "---") << "two classes, one in the other";
  EXPECT_EQ(LaidOut({"cat/train/1.jpg", "cat/val/2.jpg", "dog/train/3.jpg", "dog/val/4.jpg"}).loose(), "LLLL");
  EXPECT_EQ(LaidOut({"cat/train/1.jpg", "cat/val/2.jpg", "dog/train/3.jpg"}, 2).loose(), "---");
  EXPECT_EQ(LaidOut({"cat/1.jpg", "cat/old/2.jpg"}).loose(), "--") << "one class";
}

TEST(FolderLayout, NamesAClassWithFoldersInIt) {
  EXPECT_EQ(LaidOut({"cat/1.jpg", "cat/old/2.jpg", "dog/3.jpg"}).read().nested_class(), "cat");
  EXPECT_EQ(LaidOut({"train/cat/1.jpg", "train/cat/old/2.jpg", "val/cat/3.jpg"}).read().nested_class(), "train/cat");
  EXPECT_EQ(LaidOut({"all.jpg", "train/cat/1.jpg", "val/cat/3.jpg"}).read().nested_class(), "");
}

TEST(FolderLayout, SaysNothingOfImagesOutsideTheRoot) {
  PathList images = {"elsewhere/test/a.jpg", "/other/train/b.jpg"};
  const FolderLayout layout(Root("d"), images, [](std::size_t) { return ""; });
  EXPECT_EQ(layout.problem(), "");
  EXPECT_FALSE(layout.part(0));
}

}  // namespace
}  // namespace margay::data
