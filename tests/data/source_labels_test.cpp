#include <gtest/gtest.h>

#include "margay/data/source/labels.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::thrown_message;

TEST(RegexLabels, FindTheFirstGroupInTheFileName) {
  const Labeller labeller = regex_labels(R"((.+)_\d+\.jpg$)");
  EXPECT_EQ(labeller.label("pets_1.jpg/Great_Pyrenees_12.jpg"), Labels{"Great_Pyrenees"});
  EXPECT_EQ(labeller.label("a_1.jpg"), Labels{"a"});
  EXPECT_EQ(labeller.label("a_1.png"), std::nullopt);
}

TEST(RegexLabels, RefusePatternsThatCannotLabel) {
  EXPECT_THROW(regex_labels("(unclosed"), std::invalid_argument);
  EXPECT_NE(thrown_message<std::invalid_argument>([] { regex_labels("no_group"); }).find("no group"),
            std::string::npos);
}

TEST(FolderLabels, AreTheNamesOfTheFolders) {
  EXPECT_EQ(folder_labels().label("data/cat/1.jpg"), Labels{"cat"});
  EXPECT_EQ(folder_labels().label("1.jpg"), std::nullopt);
  EXPECT_EQ(folder_labels().label("./1.jpg"), std::nullopt);
}

TEST(FolderLabels, AreThoseOfFoldersFurtherUp) {
  EXPECT_EQ(folder_labels(2).label("data/cat/train/1.jpg"), Labels{"cat"});
  EXPECT_EQ(folder_labels(3).label("data/cat/train/1.jpg"), Labels{"data"});
  EXPECT_EQ(folder_labels(3).label("cat/train/1.jpg"), std::nullopt);
  EXPECT_THROW(folder_labels(0), std::invalid_argument);
}

TEST(PathRegexLabels, SearchThePathBelowTheRoot) {
  const Labeller labeller = path_regex_labels("^([^/]+)/", "data/pets");
  EXPECT_EQ(labeller.label("data/pets/cat/images/1.jpg"), Labels{"cat"});
  EXPECT_EQ(labeller.label("./data//pets/dog/1.jpg"), Labels{"dog"});
  EXPECT_EQ(labeller.label("data/pets/1.jpg"), std::nullopt);
  EXPECT_NE(thrown_message<std::invalid_argument>([] { path_regex_labels("a", "b"); }).find("[path_regex_labels]"),
            std::string::npos);
}

TEST(LabelsFrom, AListOrAMapByPathOrFileName) {
  EXPECT_EQ(labels_from(PathList{"d/a.jpg", "d/b.jpg"}, {"cat", "dog"}).label("d/b.jpg"), Labels{"dog"});
  const Labeller labeller = labels_from({{"a.jpg", "cat"}, {"e/b.jpg", "dog"}});
  EXPECT_EQ(labeller.label("d/a.jpg"), Labels{"cat"});
  EXPECT_EQ(labeller.label("d/b.jpg"), std::nullopt);
  const Labeller multi = multi_labels_from({"a.jpg", "b.jpg"}, {{"cat", "dog"}, {}});
  EXPECT_EQ(multi.task, Task::kMultiLabel);
  EXPECT_EQ(multi.label("b.jpg"), Labels{});
}

TEST(LabelsFrom, RefuseListsThatDoNotMatch) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              labels_from(PathList{"a.jpg"}, {"cat", "dog"});
            }),
            "[labels_from] 1 images, but 2 labels");
  EXPECT_THROW(labels_from(PathList{"a.jpg", "a.jpg"}, {"cat", "dog"}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
