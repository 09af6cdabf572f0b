#include "margay/run/probe_mistakes.h"

#include <cmath>
#include <memory>

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/chart/render.h"
#include "tests/support/temporary_folder.h"

namespace margay::run {
namespace {

/// Cats and dogs and an owl that is never predicted; rows are judged wrong where the logits say so.
class MistakesTest : public testing::Test {
 protected:
  const data::Vocabulary vocabulary_{{"cat", "dog", "owl"}};
  const std::shared_ptr<const data::Items> items_ = std::make_shared<data::Items>(data::Items{{"pics/a.png", "cat"},
                                                                                              {"pics/b.png", "cat"},
                                                                                              {"pics/c,1.png", "dog"},
                                                                                              {"pics/d.png", "dog"},
                                                                                              {"pics/e.png", "owl"}});
  const data::Dataset dataset_{items_, {0, 1, 2, 3, 4}, vocabulary_};

  predict::Predictions predictions() const {
    predict::Predictions made;
    made.ids = {0, 1, 2, 3, 4};
    made.targets = torch::tensor({0, 0, 1, 1, 2}, torch::kLong);
    made.set_logits(torch::tensor({{3.F, 0.F, 0.F},    // right
                                   {0.F, 2.F, 0.F},    // a cat that is taken for a dog
                                   {0.F, 1.F, 0.F},    // right
                                   {0.F, 1.F, 0.F},    // right
                                   {0.F, 4.F, 0.F}}),  // an owl that is taken for a dog
                    metric::Activation::kSoftmax);
    return made;
  }
};

TEST_F(MistakesTest, PutsTheWorstClassFirst) {
  const Mistakes mistakes = find_mistakes(predictions(), dataset_, vocabulary_);
  ASSERT_EQ(mistakes.classes.size(), 3U);
  EXPECT_EQ(mistakes.classes[0].name, "owl");
  EXPECT_EQ(mistakes.classes[0].missed, 1);
  EXPECT_EQ(mistakes.classes[0].alarms, 0);
  EXPECT_EQ(mistakes.classes[1].name, "cat");
  EXPECT_DOUBLE_EQ(mistakes.classes[1].error, 0.5);
  EXPECT_EQ(mistakes.classes[2].name, "dog");
  EXPECT_EQ(mistakes.classes[2].missed, 0);
  EXPECT_EQ(mistakes.classes[2].alarms, 2);
}

TEST_F(MistakesTest, GivesAClassOfOneImageAnErrorBar) {
  const Mistakes mistakes = find_mistakes(predictions(), dataset_, vocabulary_);
  EXPECT_DOUBLE_EQ(mistakes.classes[0].standard_error, std::sqrt(0.75 * 0.25 / 2));  // p = 1.5 / 2
}

TEST_F(MistakesTest, CountsGroupsWhereThereAreSome) {
  const torch::Tensor groups = torch::tensor({0, 1, 2, 2, 3}, torch::kLong);
  const Mistakes mistakes = find_mistakes(predictions(), dataset_, vocabulary_, {.groups = groups});
  EXPECT_TRUE(std::isnan(mistakes.classes[0].standard_error));  // one group
  EXPECT_DOUBLE_EQ(mistakes.classes[1].standard_error, 0.5);    // √(2 (0.5² + 0.5²)) / 2
}

TEST_F(MistakesTest, CountsConfusedPairs) {
  const Mistakes mistakes = find_mistakes(predictions(), dataset_, vocabulary_);
  ASSERT_EQ(mistakes.pairs.size(), 2U);
  EXPECT_EQ(mistakes.pairs[0].label, "cat");
  EXPECT_EQ(mistakes.pairs[0].prediction, "dog");
  EXPECT_EQ(mistakes.pairs[0].count, 1);
  EXPECT_EQ(mistakes.pairs[0].images, 2);
  EXPECT_EQ(mistakes.pairs[1].label, "owl");
}

TEST_F(MistakesTest, PutsTheHighestLossFirst) {
  const Mistakes mistakes =
      find_mistakes(predictions(), dataset_, vocabulary_, {.root = "pics", .groups = {}, .hardest = 2});
  ASSERT_EQ(mistakes.hardest.size(), 2U);
  EXPECT_EQ(mistakes.hardest[0].name, "e.png");
  EXPECT_EQ(mistakes.hardest[0].label, "owl");
  EXPECT_EQ(mistakes.hardest[0].prediction, "dog");
  EXPECT_NEAR(mistakes.hardest[0].loss, std::log(std::exp(4.0) + 2), 1e-6);
  EXPECT_EQ(mistakes.hardest[1].name, "b.png");
}

TEST_F(MistakesTest, WritesEveryRowAsCsv) {
  const std::string csv = predictions_csv(predictions(), dataset_, vocabulary_, "pics");
  EXPECT_TRUE(csv.starts_with("name,label,prediction,probability,loss\na.png,cat,cat,0.9094,0.0949"));
  EXPECT_NE(csv.find("\n\"c,1.png\",dog,dog,0.5761,0.551445\n"), std::string::npos) << csv;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 6);
}

TEST_F(MistakesTest, DrawsAnImageThatIsGoneInGrey) {
  const Mistakes mistakes = find_mistakes(predictions(), dataset_, vocabulary_);
  const data::ImagePipeline pipeline(data::Transforms{});
  const chart::Drawing sheet = mistakes_sheet(mistakes.hardest, dataset_, pipeline);
  EXPECT_GT(sheet.width, 3 * 192);
  EXPECT_EQ(chart::drawing_image(sheet).width, sheet.width);
}

TEST(MultiLabelMistakes, CountWhatIsMissedAndWhatIsAFalseAlarm) {
  const data::Vocabulary vocabulary({"cat", "dog"});
  const auto items = std::make_shared<data::Items>(data::Task::kMultiLabel);
  items->add("a.png", {"cat", "dog"});
  items->add("b.png", {"cat"});
  items->add("c.png", {});
  const data::Dataset dataset(items, {0, 1, 2}, vocabulary);
  predict::Predictions made;
  made.ids = {0, 1, 2};
  made.targets = torch::tensor({{1.F, 1.F}, {1.F, 0.F}, {0.F, 0.F}});
  made.set_logits(torch::tensor({{1.F, -1.F}, {1.F, 1.F}, {-1.F, -1.F}}), metric::Activation::kSigmoid);
  const Mistakes mistakes = find_mistakes(made, dataset, vocabulary);
  EXPECT_TRUE(mistakes.pairs.empty());
  EXPECT_EQ(mistakes.classes[0].name, "dog");
  EXPECT_EQ(mistakes.classes[0].missed, 1);
  EXPECT_EQ(mistakes.classes[0].alarms, 1);
  EXPECT_EQ(mistakes.classes[1].missed, 0);
  const std::string csv = predictions_csv(made, dataset, vocabulary, "");
  EXPECT_NE(csv.find("b.png,cat,cat;dog,0.7311;0.7311,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("c.png,,,,"), std::string::npos) << csv;
}

}  // namespace
}  // namespace margay::run
