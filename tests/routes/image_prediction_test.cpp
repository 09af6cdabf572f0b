#include "apps/serve/image_prediction.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_folder.h"

namespace margay::routes {
namespace {

const std::vector<std::string> kLabels = {"a", "b", "c"};

ImagePrediction predicted(const std::vector<float>& logits, const std::vector<float>& probabilities,
                          std::optional<double> p_known, data::Task task, const PredictionChoice& choice) {
  return image_prediction("x.jpg", {logits, probabilities, p_known}, kLabels, task, choice);
}

TEST(ImagePrediction, ListsClassesByTheirLogitsAndEqualOnesInOrder) {
  const auto all = predicted({1, 2, 2}, {.2F, .4F, .4F}, std::nullopt, data::Task::kSingleLabel, {.top = 5});
  ASSERT_EQ(all.guesses.size(), 3U);
  EXPECT_EQ(all.guesses[0].label, "b");
  EXPECT_EQ(all.guesses[1].label, "c");
  EXPECT_EQ(all.guesses[2].label, "a");
  EXPECT_EQ(all.guesses[0].probability, static_cast<double>(.4F));
  EXPECT_FALSE(all.labels);
  EXPECT_FALSE(all.familiarity);
  EXPECT_EQ(predicted({1, 2, 3}, {0, 0, 1}, std::nullopt, data::Task::kSingleLabel, {.top = 1}).guesses.size(), 1U);
}

TEST(ImagePrediction, DecidesLabelsByTheLogitsOwnProbabilities) {
  const auto two = predicted({.1F, -2, 3}, {.1F, .1F, .1F}, std::nullopt, data::Task::kMultiLabel, {});
  EXPECT_EQ(two.labels, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(predicted({.1F, -2, 3}, {1, 1, 1}, std::nullopt, data::Task::kMultiLabel, {.threshold = .9}).labels,
            std::vector<std::string>{"c"});
}

TEST(ImagePrediction, RefusesImagesOfAnAlphaOrLess) {
  EXPECT_TRUE(predicted({1, 2, 3}, {0, 0, 1}, .05, data::Task::kSingleLabel, {.alpha = .05}).is_none());
  EXPECT_FALSE(predicted({1, 2, 3}, {0, 0, 1}, .06, data::Task::kSingleLabel, {.alpha = .05}).is_none());
}

TEST(ImagePrediction, BecomesOneJsonObjectInAFixedOrder) {
  const auto one = predicted({1, 0, 0}, {.5F, .25F, .25F}, .01, data::Task::kMultiLabel, {.top = 1, .alpha = .05});
  EXPECT_EQ(to_json(one, {"pets", "0123456789abcdef"}).dump(),
            R"({"path":"x.jpg","labels":["a"],"none_of_these":true,"p_known":0.01,)"
            R"("predictions":[{"label":"a","probability":0.5}],"model":"pets","model_version":"0123456789abcdef",)"
            R"("schema":1})");
}

TEST(ImagePrediction, NeedsALogitAndAProbabilityForEachClass) {
  EXPECT_THROW(predicted({1, 2}, {1, 0, 0}, std::nullopt, data::Task::kSingleLabel, {}), std::invalid_argument);
  EXPECT_THROW(predicted({1, 2, 3}, {1}, std::nullopt, data::Task::kSingleLabel, {}), std::invalid_argument);
}

TEST(ImagePrediction, AVersionIsTheBeginningOfTheFilesHash) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "m", "abc");
  EXPECT_EQ(model_version(folder / "m"), "ba7816bf8f01cfea");  // FIPS 180-4's example
}

}  // namespace
}  // namespace margay::routes
