#include "margay/export/runtime_comparison.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

namespace margay::exporting {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

RuntimeComparison::Setting three_classes() { return {.classes = {"cat", "dog", "fox"}, .bounds = {}}; }

ImageOutputs outputs(std::vector<float> logits, std::vector<float> probabilities) {
  return {.logits = std::move(logits), .probabilities = std::move(probabilities)};
}

TEST(RuntimeComparison, FindsTheLargestDifferencesAndTheirImages) {
  RuntimeComparison comparison(three_classes());
  comparison.add("a.jpg", outputs({1, 2, -3}, {.2F, .7F, .1F}), outputs({1, 2.25F, -3}, {.2F, .7F, .1F}), .010);
  comparison.add("b.jpg", outputs({0, 5, 1}, {.1F, .8F, .1F}), outputs({0, 5, 1.5F}, {.1F, .7F, .2F}), .030);
  const RuntimeVerdict verdict = comparison.verdict();
  EXPECT_EQ(verdict.images, 2);
  EXPECT_DOUBLE_EQ(verdict.logits.value, .5);
  EXPECT_EQ(verdict.logits.image, "b.jpg");
  EXPECT_EQ(verdict.logits.name, "fox");
  EXPECT_DOUBLE_EQ(verdict.logit_range, 8);
  EXPECT_NEAR(verdict.probabilities.value, .1, 1e-6);
  EXPECT_EQ(verdict.disagreements, 0);
  EXPECT_NEAR(verdict.speed.images_per_s, 50, 1e-9);
  EXPECT_NEAR(verdict.speed.median_ms, 20, 1e-9);
  EXPECT_NEAR(verdict.speed.p95_ms, 29, 1e-9);
  ASSERT_EQ(verdict.breaches.size(), 2U);
  EXPECT_NE(verdict.breaches[0].find("a logit differs by 0.5 (b.jpg, class fox); 0.0008 is the bound"),
            std::string::npos)
      << verdict.breaches[0];
}

TEST(RuntimeComparison, PassesWithinItsBounds) {
  RuntimeComparison comparison(three_classes());
  comparison.add("a", outputs({0, 10, -10}, {0, 1, 0}), outputs({0, 10.0019F, -10}, {.0019F, .9981F, 0}), 1);
  EXPECT_TRUE(comparison.verdict().passes());
  comparison.add("b", outputs({0, 10, -10}, {0, 1, 0}), outputs({0, 10.0021F, -10}, {0, 1, 0}), 1);
  EXPECT_FALSE(comparison.verdict().passes());
}

TEST(RuntimeComparison, CountsDecisionsThatDifferAndHowFarTheyAre) {
  RuntimeComparison comparison(three_classes());
  const auto close = outputs({0, 0, 0}, {.4F, .4005F, .1995F});
  comparison.add("close", close, outputs({0, 0, 0}, {.4F, .3999F, .2001F}), 1);
  EXPECT_EQ(comparison.verdict().disagreements, 1);
  EXPECT_EQ(comparison.verdict().beyond_margin, 0);
  EXPECT_TRUE(comparison.verdict().passes());
  comparison.add("far", outputs({0, 0, 0}, {.5F, .4F, .1F}), outputs({0, 0, 0}, {.4F, .5F, .1F}), 1);
  const RuntimeVerdict verdict = comparison.verdict();
  EXPECT_EQ(verdict.disagreements, 2);
  EXPECT_EQ(verdict.beyond_margin, 1);
  ASSERT_EQ(verdict.examples.size(), 2U);
  EXPECT_EQ(verdict.examples[0].image, "far");
  EXPECT_EQ(verdict.examples[0].margay, "cat");
  EXPECT_EQ(verdict.examples[0].runtime, "dog");
  EXPECT_NEAR(verdict.examples[0].margin, .1, 1e-6);
}

TEST(RuntimeComparison, NeverTakesWhatIsNoNumberForTheSame) {
  for (const float broken : {kNan, kInfinity, -kInfinity}) {
    RuntimeComparison comparison(three_classes());
    comparison.add("a", outputs({0, 1, 2}, {.1F, .2F, .7F}), outputs({0, broken, 2}, {.1F, .2F, .7F}), 1);
    EXPECT_TRUE(std::isinf(comparison.verdict().logits.value));
    EXPECT_FALSE(comparison.verdict().passes());
  }
  RuntimeComparison both(three_classes());
  both.add("a", outputs({0, kNan, 2}, {.1F, .2F, .7F}), outputs({0, kNan, 2}, {.1F, .2F, .7F}), 1);
  EXPECT_FALSE(both.verdict().passes());
}

TEST(RuntimeComparison, DecidesAboutEachOfSeveralLabels) {
  RuntimeComparison::Setting setting = three_classes();
  setting.is_multi_label = true;
  RuntimeComparison comparison(setting);
  comparison.add("a", outputs({0, 0, 0}, {.6F, .4F, .5004F}), outputs({0, 0, 0}, {.6F, .6F, .4999F}), 1);
  const RuntimeVerdict verdict = comparison.verdict();
  EXPECT_EQ(verdict.disagreements, 2);
  EXPECT_EQ(verdict.beyond_margin, 1);
  EXPECT_EQ(verdict.examples[0].margay, "not dog");
  EXPECT_EQ(verdict.examples[0].runtime, "dog");
}

TEST(RuntimeComparison, JudgesQuantisedFilesByDecisionsAndAccuracy) {
  RuntimeComparison::Setting setting = three_classes();
  setting.is_quantised = true;
  setting.bounds = {.max_accuracy_loss = .2, .min_agreement = .75};
  RuntimeComparison comparison(setting);
  const auto cat = outputs({9, 0, 0}, {1, 0, 0});
  const auto dog = outputs({0, 2, 0}, {0, 1, 0});
  for (int i = 0; i < 7; ++i) comparison.add("same", cat, outputs({8, 1, 1}, {.9F, .05F, .05F}), 1, {{0}});
  comparison.add("worse", cat, dog, 1, {{0}});
  comparison.add("better", dog, cat, 1, {{0}});
  const RuntimeVerdict verdict = comparison.verdict();
  ASSERT_TRUE(verdict.accuracy);
  EXPECT_EQ(verdict.accuracy->images, 9);
  EXPECT_EQ(verdict.accuracy->margay_right, 8);
  EXPECT_EQ(verdict.accuracy->runtime_right, 8);
  EXPECT_EQ(verdict.accuracy->difference.value, 0);
  EXPECT_GT(verdict.accuracy->difference.interval.high, .1);
  EXPECT_TRUE(verdict.passes());
  comparison.add("worse", cat, dog, 1, {{0}});
  comparison.add("worse", cat, dog, 1, {{0}});
  comparison.add("worse", cat, dog, 1, {{0}});
  EXPECT_EQ(comparison.verdict().breaches.size(), 2U);
}

TEST(RuntimeComparison, NeedsAValueForEveryClass) {
  RuntimeComparison comparison(three_classes());
  const auto all = outputs({1, 2, 3}, {0, 0, 1});
  EXPECT_THROW(comparison.add("a", all, outputs({1, 2}, {0, 0, 1}), 1), std::invalid_argument);
  EXPECT_THROW(comparison.add("a", outputs({1, 2, 3}, {1}), all, 1), std::invalid_argument);
}

TEST(RuntimeComparison, KeepsTheDisagreementsOfTheLargestMargins) {
  RuntimeComparison comparison(three_classes());
  for (int i = 0; i < 200; ++i) {
    const float margin = static_cast<float>((i * 37) % 200) / 1000;
    comparison.add("image", outputs({0, 0, 0}, {.5F, .5F - margin - .001F, 0}), outputs({0, 0, 0}, {0, 1, 0}), 1);
  }
  const RuntimeVerdict verdict = comparison.verdict();
  EXPECT_EQ(verdict.disagreements, 200);
  ASSERT_EQ(verdict.examples.size(), 50U);
  EXPECT_NEAR(verdict.examples.front().margin, .2, 1e-6);
  EXPECT_NEAR(verdict.examples.back().margin, .151, 1e-6);
}

}  // namespace
}  // namespace margay::exporting
