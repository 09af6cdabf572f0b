#include <numeric>

#include <gtest/gtest.h>

#include "margay/data/source/balance.h"
#include "margay/data/source/labels.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::thrown_message;

TEST(RegexLabels, FindPatternsInNamesOfMacOsAndOfOtherBytes) {
  EXPECT_EQ(regex_labels("^(caf\u00E9)_").label("x/cafe\u0301_1.jpg"), Labels{"caf\u00E9"});
  EXPECT_EQ(regex_labels("^(.+)_1").label("x/cafe\u0301_1.jpg"), Labels{"cafe\u0301"}) << "as it is, where it fits so";
  EXPECT_EQ(regex_labels("(.+)_\\d").label("x/a\xE9y_1.jpg"), Labels{"a\xE9y"}) << "not only what follows the byte";
  EXPECT_EQ(path_regex_labels("^([^/]+)/", "x").label("x/cup/a\xE9y_1.jpg"), Labels{"cup"});
}

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

Dataset dataset_of(Items items, const Vocabulary& vocabulary) {
  std::vector<std::size_t> rows(items.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return {std::make_shared<Items>(std::move(items)), rows, vocabulary};
}

Dataset three_to_one() { return dataset_of({{"1", "a"}, {"2", "a"}, {"3", "a"}, {"4", "b"}}, Vocabulary({"a", "b"})); }

TEST(ClassWeights, AreInverseToTheCountsAndOneOnAverage) {
  EXPECT_EQ(class_counts(three_to_one()), (std::vector<std::int64_t>{3, 1}));
  const std::vector<double> weights = class_weights(three_to_one());
  EXPECT_NEAR(weights[0], 0.5, 1e-12);
  EXPECT_NEAR(weights[1], 1.5, 1e-12);
}

TEST(ClassWeights, OfTheEffectiveNumberDifferLess) {
  const std::vector<double> weights =
      class_weights(three_to_one(), {.weighting = RarityWeighting::kEffectiveNumber, .beta = 0.5});
  // (1 - .5) / (1 - .5^n): 4/7 and 1, of which the mean is 11/14
  EXPECT_NEAR(weights[0], 8.0 / 11, 1e-12);
  EXPECT_NEAR(weights[1], 14.0 / 11, 1e-12);
  EXPECT_THROW(class_weights(three_to_one(), {.beta = 1}), std::invalid_argument);
}

TEST(ClassWeights, OfClassesThatDoNotOccurAreOne) {
  const Dataset dataset = dataset_of({{"1", "a"}, {"2", "a"}, {"3", "c"}}, Vocabulary({"a", "b", "c"}));
  const std::vector<double> weights = class_weights(dataset);
  EXPECT_EQ(weights[1], 1.0);
  EXPECT_NEAR(weights[0] + weights[2], 2, 1e-12);
}

TEST(SampleWeights, GiveEveryClassTheSameChance) {
  const std::vector<double> weights = sample_weights(three_to_one());
  EXPECT_NEAR(weights[0] + weights[1] + weights[2], weights[3], 1e-12);
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 4, 1e-12);
}

TEST(SampleWeights, GoByTheRarestOfSeveralClasses) {
  Items items(Task::kMultiLabel);
  items.add("1", {"a"});
  items.add("2", {"a", "b"});
  items.add("3", {});
  items.add("4", {});
  const std::vector<double> weights = sample_weights(dataset_of(std::move(items), Vocabulary({"a", "b"})));
  EXPECT_NEAR(weights[1], 2 * weights[0], 1e-12);
  EXPECT_NEAR(weights[2], weights[0], 1e-12);
}

}  // namespace

}  // namespace margay::data
