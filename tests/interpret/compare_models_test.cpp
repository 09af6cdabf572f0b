#include "margay/interpret/compare_models.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/interpret/top_losses.h"
#include "tests/support/kept_predictions.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using testing_support::logits_for;
using testing_support::thrown_message;

predict::KeptPredictions predicted(const std::vector<std::int64_t>& classes, const std::vector<std::int64_t>& labels,
                                   double margin = 3) {
  return testing_support::kept_predictions(logits_for(classes, 3, margin), torch::tensor(labels));
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(CompareModels, CountsWhereOneIsRightAndTheOtherWrong) {
  const std::vector<std::int64_t> labels = {0, 0, 1, 1, 2, 2};
  const ModelComparison result =
      compare_models(predicted({0, 1, 1, 1, 0, 1}, labels), predicted({0, 0, 1, 0, 2, 0}, labels));
  EXPECT_EQ(result.images, 6);
  EXPECT_EQ(result.both_right, 2);
  EXPECT_EQ(result.both_wrong, 1);
  EXPECT_EQ(result.mcnemar.only_first_errs, 2);
  EXPECT_EQ(result.mcnemar.only_second_errs, 1);
  EXPECT_DOUBLE_EQ(result.mcnemar.exact_p, metric::mcnemar(2, 1).exact_p);
  EXPECT_DOUBLE_EQ(result.error_difference.value, 2.0 / 6 - 3.0 / 6);
  ASSERT_EQ(result.differing.size(), 4U);
  EXPECT_EQ(result.differing[0].name, "3.png");  // what only the second gets wrong comes first
  EXPECT_EQ(result.differing[0].second.prediction, "a");
  EXPECT_EQ(result.differing[3].name, "5.png");  // both wrong, in different ways
}

TEST(CompareModels, MatchesImagesByNameAndClassesByTheirs) {
  predict::KeptPredictions second = predicted({2, 1}, {2, 0});
  second.vocabulary = data::Vocabulary({"c", "b", "a"});
  second.names = data::PathList{"1.png", "0.png"};
  const ModelComparison result = compare_models(predicted({2, 0}, {2, 0}), second);
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.second_accuracy.value, 0.5);
  ASSERT_EQ(result.differing.size(), 1U);
  EXPECT_EQ(result.differing[0].name, "0.png");
  EXPECT_EQ(result.differing[0].second.prediction, "b");
}

TEST(CompareModels, FindsNothingBetweenAModelAndItself) {
  const predict::KeptPredictions model = predicted({0, 1, 2}, {0, 1, 1});
  const ModelComparison result = compare_models(model, model);
  EXPECT_EQ(result.mcnemar.exact_p, 1);
  EXPECT_FALSE(result.loss_difference.is_beyond_noise());
  EXPECT_TRUE(result.differing.empty());
}

TEST(CompareModels, TellsImagesThatOnlyOneJudges) {
  predict::KeptPredictions second = predicted({0, 1, 2}, {0, 1, 2});
  second.names = data::PathList{"0.png", "1.png", "x.png"};
  const ModelComparison result = compare_models(predicted({0, 1, 2}, {0, 1, 2}), second);
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.only_in_first, (std::vector<std::string>{"2.png"}));
  EXPECT_EQ(result.only_in_second, (std::vector<std::string>{"x.png"}));
}

TEST(CompareModels, KeepsGroupsTogether) {
  std::vector<std::int64_t> labels(40, 0);
  std::vector<std::int64_t> better(40, 0);
  std::vector<std::int64_t> worse(40, 0);
  std::vector<std::int64_t> groups;
  for (std::size_t i = 0; i < 40; ++i) {
    groups.push_back(static_cast<std::int64_t>(i / 10));
    if (i < 10) worse[i] = 1;  // one group of four
  }
  predict::KeptPredictions first = predicted(better, labels);
  const predict::KeptPredictions second = predicted(worse, labels);
  EXPECT_LT(compare_models(first, second).error_difference.p_value, 0.01);
  first.groups = torch::tensor(groups);
  const ModelComparison grouped = compare_models(first, second);
  EXPECT_EQ(grouped.groups, 4);
  EXPECT_GT(grouped.error_difference.p_value, 0.2);
  EXPECT_GT(grouped.loss_difference.p_value, 0.2);
}

TEST(CompareModels, OfSeveralLabelsComparesTheSets) {
  const torch::Tensor targets = torch::tensor({{1.0F, 0.0F}, {1.0F, 1.0F}});
  const auto first = testing_support::kept_predictions(torch::tensor({{1.0F, -1.0F}, {1.0F, 1.0F}}), targets);
  auto second = testing_support::kept_predictions(torch::tensor({{-1.0F, 1.0F}, {1.0F, 1.0F}}), targets.flip(1));
  second.vocabulary = data::Vocabulary({"b", "a"});
  EXPECT_TRUE(compare_models(first, second).differing.empty());
}

TEST(CompareModels, ARefusalIsNoPredictionOfAClassWithThatName) {
  predict::KeptPredictions first = predicted({0, 1}, {0, 1});
  first.vocabulary = data::Vocabulary({kNoneOfThese, "b", "c"});
  predict::KeptPredictions second = first;
  second.refused = torch::tensor({true, false});
  EXPECT_EQ(compare_models(first, second).differing.size(), 1U);
}

TEST(CompareModels, RefusesWhatCannotBeCompared) {
  const predict::KeptPredictions model = predicted({0, 1, 2}, {0, 1, 2});
  predict::KeptPredictions other = predicted({0, 1, 2}, {0, 1, 1});
  EXPECT_TRUE(mentions(thrown_message<std::invalid_argument>([&] { compare_models(model, other); }),
                       "'2.png' is labelled 'c' in the first predictions and 'b' in the second"));
  other.names = data::PathList{"x", "y", "z"};
  EXPECT_TRUE(mentions(thrown_message<std::invalid_argument>([&] { compare_models(model, other); }),
                       "the first '0.png', the second 'x'"));
  other.names = data::PathList{"0.png", "0.png", "z"};
  EXPECT_TRUE(mentions(thrown_message<core::DataError>([&] { compare_models(model, other); }), "comes twice"));
  other.rows.targets = torch::Tensor();
  EXPECT_TRUE(mentions(thrown_message<std::invalid_argument>([&] { compare_models(model, other); }), "needs labels"));
}

TEST(CompareModels, WritesEveryNumber) {
  const auto json = compare_models(predicted({0, 1, 1}, {0, 1, 2}), predicted({0, 0, 2}, {0, 1, 2})).json();
  EXPECT_EQ(json["images"], 3);
  EXPECT_EQ(json["only_first_errs"], 1);
  EXPECT_EQ(json["differing"].size(), 2U);
  EXPECT_EQ(json["differing"][0]["second"]["is_right"], false);
  EXPECT_TRUE(json["loss_difference"]["p_value"].is_number());
}

}  // namespace
}  // namespace margay::interpret
