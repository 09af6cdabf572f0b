#include "margay/interpret/interpretation.h"

#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/kept_predictions.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using testing_support::golden;
using testing_support::kept_predictions;
using testing_support::logits_for;
using testing_support::thrown_message;

InterpretationOptions quick() { return {.bootstrap = {.replicates = 100}}; }

Interpretation of_classes(const std::vector<std::int64_t>& predicted, const std::vector<std::int64_t>& labels,
                          std::int64_t classes = 3) {
  return Interpretation(kept_predictions(logits_for(predicted, classes), torch::tensor(labels)), quick());
}

double summary_value(const Interpretation& interp, const std::string& name) {
  for (const SummaryNumber& each : interp.summary()) {
    if (each.name == name) return each.estimate.value;
  }
  ADD_FAILURE() << "no " << name;
  return std::numeric_limits<double>::quiet_NaN();
}

bool has_sentence(const std::vector<std::string>& sentences, const std::string& part) {
  for (const std::string& sentence : sentences) {
    if (sentence.find(part) != std::string::npos) return true;
  }
  return false;
}

/// Whether no value anywhere in it is NaN or infinite, which JSON cannot say.
bool is_plain_json(const nlohmann::ordered_json& json) { return nlohmann::ordered_json::parse(json.dump()) == json; }

TEST(Interpretation, HasScikitLearnsNumbersOfOneLabel) {
  for (const auto& each : golden("interpretation.json")["one_label"]) {
    SCOPED_TRACE(each["name"].get<std::string>());
    InterpretationOptions options = quick();
    options.top_k = 2;
    const Interpretation interp(kept_predictions(testing_support::tensor_of(each["logits"]),
                                                 testing_support::tensor_of(each["targets"]).to(torch::kLong)),
                                options);
    EXPECT_NEAR(summary_value(interp, "accuracy"), each["accuracy"], 1e-12);
    EXPECT_NEAR(summary_value(interp, "balanced_accuracy"), each["balanced_accuracy"], 1e-12);
    // "mixed" has equal logits, of which scikit-learn puts the last first; TopKAccuracy compares these too.
    if (each.contains("top_2_accuracy") && each["name"] != "mixed") {
      EXPECT_NEAR(summary_value(interp, "top_2_accuracy"), each["top_2_accuracy"], 1e-12);
    }
    EXPECT_TRUE(is_plain_json(interp.json({.images = true})));
  }
}

TEST(Interpretation, HasScikitLearnsNumbersOfSeveralLabels) {
  for (const auto& each : golden("interpretation.json")["several_labels"]) {
    SCOPED_TRACE(each["name"].get<std::string>());
    const Interpretation interp(
        kept_predictions(testing_support::tensor_of(each["logits"]), testing_support::tensor_of(each["targets"])),
        quick());
    EXPECT_NEAR(summary_value(interp, "exact_match"), each["exact_match"], 1e-12);
    EXPECT_NEAR(summary_value(interp, "accuracy_multi"), each["accuracy_multi"], 1e-12);
    EXPECT_NEAR(summary_value(interp, "mean_average_precision"), each["mean_average_precision"], 1e-12);
    EXPECT_TRUE(is_plain_json(interp.json({.images = true})));
    EXPECT_THROW(interp.confusion_matrix(), std::invalid_argument);
  }
}

TEST(Interpretation, IsTheSameEveryTime) {
  torch::manual_seed(8);
  const auto kept = kept_predictions(torch::randn({50, 4}), torch::randint(4, {50}, torch::kLong));
  EXPECT_EQ(Interpretation(kept).json(), Interpretation(kept).json());
}

TEST(Interpretation, WritesWhatItsHeaderSays) {
  const auto json = of_classes({0, 1, 1, 2, 0}, {0, 1, 2, 2, 1}).json({.top_losses = 2, .images = true});
  EXPECT_EQ(json["num_images"], 5);
  EXPECT_EQ(json["num_classes"], 3);
  EXPECT_EQ(json["num_groups"], 5);
  EXPECT_EQ(json["vocab"], (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(json["confusion"]["cells"], nlohmann::ordered_json::parse("[[0,0,1],[1,0,1],[1,1,1],[2,1,1],[2,2,1]]"));
  EXPECT_EQ(json["classes"][1]["support"], 2);
  EXPECT_EQ(json["classes"][1]["fp"], 1);
  EXPECT_EQ(json["averages"][0]["name"], "accuracy");
  EXPECT_TRUE(json["averages"][0]["precision"]["value"].is_null());
  EXPECT_EQ(json["most_confused"].size(), 2U);
  EXPECT_EQ(json["top_losses"]["highest"].size(), 2U);
  EXPECT_EQ(json["orders"]["vocab"], (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(json["images"]["label"], (std::vector<int>{0, 1, 2, 2, 1}));
  EXPECT_EQ(json["images"]["is_right"], (std::vector<bool>{true, true, false, true, false}));
  EXPECT_FALSE(json.contains("threshold"));
}

TEST(Interpretation, LimitsTheListOfConfusedPairsAndSaysSo) {
  const auto json = of_classes({1, 2, 0}, {0, 1, 2}).json({.most_confused = 1});
  EXPECT_EQ(json["most_confused"].size(), 1U);
  EXPECT_EQ(json["most_confused_left_out"], 2);
}

TEST(Interpretation, WithoutLabelsSaysWhatItCan) {
  const Interpretation interp(kept_predictions(torch::tensor({{1.0F, 0.9F, 0.0F}, {5.0F, 0.0F, 0.0F}})), quick());
  EXPECT_FALSE(interp.has_labels());
  EXPECT_GT(summary_value(interp, "confidence"), 0.5);
  ASSERT_EQ(interp.near_classes().size(), 1U);
  EXPECT_EQ(interp.near_classes()[0].second, 1);
  EXPECT_EQ(interp.top_losses(1, TopLosses::kBorder).at(0).name, "0.png");
  EXPECT_TRUE(thrown_message<std::invalid_argument>([&] { interp.most_confused(); }).find("needs labels") !=
              std::string::npos);
  EXPECT_THROW(interp.classification_report(), std::invalid_argument);
  const auto json = interp.json({.images = true});
  EXPECT_TRUE(is_plain_json(json));
  EXPECT_EQ(json["classes"][0]["predicted"], 2);
  EXPECT_FALSE(json.contains("confusion"));
  EXPECT_TRUE(json["top_losses"]["border"][0]["loss"].is_null());
  EXPECT_TRUE(has_sentence(interp.summary_text(), "without labels"));
}

TEST(Interpretation, OfOneClassSaysSo) {
  const Interpretation interp(kept_predictions(torch::zeros({4, 1}), torch::zeros({4}, torch::kLong)), quick());
  EXPECT_EQ(summary_value(interp, "accuracy"), 1);
  EXPECT_TRUE(has_sentence(interp.summary_text(), "one class only"));
  EXPECT_TRUE(is_plain_json(interp.json()));
}

TEST(Interpretation, OfWhatIsAllRightOrAllWrongSaysSo) {
  const Interpretation right = of_classes({0, 1, 2}, {0, 1, 2});
  EXPECT_TRUE(has_sentence(right.summary_text(), "Nothing is wrong"));
  EXPECT_TRUE(right.most_confused().empty());
  EXPECT_TRUE(right.top_losses(3, TopLosses::kSurelyWrong).empty());
  const Interpretation wrong = of_classes({1, 2, 0}, {0, 1, 2});
  EXPECT_TRUE(has_sentence(wrong.summary_text(), "Nothing is right"));
  EXPECT_EQ(summary_value(wrong, "error_rate"), 1);
}

TEST(Interpretation, OfTwoImagesHasWideIntervals) {
  const Interpretation interp = of_classes({0, 1}, {0, 0}, 2);
  EXPECT_TRUE(has_sentence(interp.summary_text(), "2 images are few"));
  EXPECT_LT(interp.summary()[0].estimate.interval.low, 0.1);
  EXPECT_GT(interp.summary()[0].estimate.interval.high, 0.9);
}

TEST(Interpretation, TellsClassesWithoutImages) {
  EXPECT_TRUE(has_sentence(of_classes({0, 1}, {0, 0}).summary_text(), "2 of 3 classes have no image: b, c"));
}

TEST(Interpretation, TellsThatGroupsAreKeptTogether) {
  auto kept = kept_predictions(logits_for({0, 1, 1, 0}, 2), torch::tensor({0, 1, 0, 0}, torch::kLong));
  kept.groups = torch::tensor({7, 7, 8, 8}, torch::kLong);
  const Interpretation interp(kept, quick());
  EXPECT_EQ(interp.num_groups(), 2);
  EXPECT_TRUE(interp.json()["is_grouped"]);
  EXPECT_TRUE(has_sentence(interp.summary_text(), "2 groups"));
}

TEST(Interpretation, CountsRefusedImages) {
  auto kept = kept_predictions(logits_for({0, 1, 1, 0}, 2), torch::tensor({0, 1, 0, 0}, torch::kLong));
  kept.refused = torch::tensor({false, true, true, false});
  const Interpretation interp(kept, quick());
  EXPECT_EQ(summary_value(interp, "refused"), 0.5);
  EXPECT_EQ(summary_value(interp, "accuracy"), 0.5);
  EXPECT_EQ(summary_value(interp, "accuracy_of_answered"), 1);
  EXPECT_EQ(interp.json()["confusion"]["refused"], (std::vector<int>{1, 1}));
  EXPECT_TRUE(has_sentence(interp.summary_text(), "2 images were answered with \"none of these\""));
}

TEST(Interpretation, ShowsNamesThatAreNotUtf8) {
  auto kept = kept_predictions(logits_for({0}, 2), torch::tensor({1}, torch::kLong));
  kept.names = data::PathList{"\xff<script>.png"};
  const Interpretation interp(kept, quick());
  EXPECT_EQ(interp.json()["top_losses"]["highest"][0]["name"], "\xef\xbf\xbd<script>.png");
  EXPECT_FALSE(interp.json().dump().empty());
}

TEST(Interpretation, OfTenThousandClassesTakesAMoment) {
  torch::manual_seed(9);
  const torch::Tensor logits = torch::randn({200, 10'000});
  const Interpretation interp(kept_predictions(logits, torch::randint(10'000, {200}, torch::kLong)), quick());
  EXPECT_LE(interp.confusion_matrix().cells().size(), 200U);
  EXPECT_EQ(interp.class_order(ClassOrder::kCluster).size(), 10'000U);
  EXPECT_EQ(interp.json()["classes"].size(), 10'000U);
}

TEST(Interpretation, RefusesOptionsOutOfRange) {
  const auto kept = kept_predictions(torch::zeros({2, 2}), torch::tensor({0, 1}, torch::kLong));
  EXPECT_THROW(Interpretation(kept, {.top_k = 0}), std::invalid_argument);
  EXPECT_THROW(Interpretation(kept, {.threshold = 2}), std::invalid_argument);
  EXPECT_THROW(Interpretation(kept, {.bootstrap = {.confidence = 1}}), std::invalid_argument);
  EXPECT_THROW(Interpretation(kept, {.zero_division = 0.5}), std::invalid_argument);
  EXPECT_NO_THROW(Interpretation(kept, {.zero_division = std::numeric_limits<double>::quiet_NaN()}));
}

TEST(Interpretation, RefusesNoImageAndNonFiniteLogits) {
  EXPECT_THROW(Interpretation(kept_predictions(torch::zeros({0, 2}))), std::invalid_argument);
  torch::Tensor logits = torch::zeros({2, 2});
  logits[0][1] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(Interpretation(kept_predictions(logits)), std::invalid_argument);
}

TEST(Interpretation, KnowsALearnerByWhatItCalls) {
  struct ValidSet {
    data::Dataset set;
    const data::Dataset& dataset() const { return set; }
  };
  struct Loaders {
    std::optional<ValidSet> valid;
    data::Vocabulary vocabulary;
    std::filesystem::path root;
  };
  struct TinyLearner {
    Loaders all;
    predict::Predictions get_preds() const {
      return kept_predictions(logits_for({0, 1}, 2), torch::tensor({0, 0}, torch::kLong)).rows;
    }
    const Loaders& loaders() const { return all; }
  };
  const auto items = std::make_shared<data::Items>(data::Items{{"pics/x.png", "cat"}, {"pics/y.png", "cat"}});
  const data::Vocabulary vocabulary({"cat", "dog"});
  TinyLearner learner{{ValidSet{data::Dataset(items, {0, 1}, vocabulary)}, vocabulary, "pics"}};
  const auto interp = Interpretation::from_learner(learner, quick());
  EXPECT_EQ(interp.top_losses(1).at(0).name, "y.png");
  EXPECT_EQ(interp.top_losses(1).at(0).prediction, "dog");
}

}  // namespace
}  // namespace margay::interpret
