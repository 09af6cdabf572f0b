#include "margay/train/probe/fine_tuning_outlook.h"

#include <gtest/gtest.h>

namespace margay::train {
namespace {

ProbeScore score_of(double error, std::int64_t images = 1'000) {
  return {.error = {.mean = error,
                    .standard_error = metric::share_standard_error(error, images),
                    .count = images,
                    .groups = images}};
}

LearningCurve made_up_curve(bool is_falling) {
  LearningCurve curve{.points = {{}, {}, {}, {}}};
  curve.is_falling = is_falling;
  return curve;
}

TEST(FineTuningOutlook, SeesNoGainWhereHardlyAnImageIsWrong) {
  EXPECT_EQ(fine_tuning_outlook(score_of(0.005), {.training = 0.004, .blind = 0.9}, nullptr, nullptr).gain,
            FineTuningGain::kUnlikely);
  EXPECT_EQ(fine_tuning_outlook(score_of(0), {.training = 0, .blind = 0.9}, nullptr, nullptr).gain,
            FineTuningGain::kUnlikely);
  EXPECT_NE(fine_tuning_outlook(score_of(0, 20), {.training = 0, .blind = 0.9}, nullptr, nullptr).gain,
            FineTuningGain::kUnlikely);
}

TEST(FineTuningOutlook, BlamesTheFeaturesWhereTheyDoNotFitTheirOwnImages) {
  const LearningCurve curve = made_up_curve(true);
  const FineTuningOutlook outlook =
      fine_tuning_outlook(score_of(0.3), {.training = 0.2, .blind = 0.9}, nullptr, &curve);
  EXPECT_EQ(outlook.gain, FineTuningGain::kLikely);
  EXPECT_EQ(outlook.reason.find("The classifier errs on 20.0 % even of the images it was fitted on"), 0);
}

TEST(FineTuningOutlook, BlamesTheNumberOfImagesWhereMoreWouldHelp) {
  const LearningCurve falling = made_up_curve(true);
  const LearningCurve flat = made_up_curve(false);
  EXPECT_EQ(fine_tuning_outlook(score_of(0.3), {.training = 0.02, .blind = 0.9}, nullptr, &falling).gain,
            FineTuningGain::kUnclear);
  EXPECT_EQ(fine_tuning_outlook(score_of(0.3), {.training = 0.02, .blind = 0.9}, nullptr, &flat).gain,
            FineTuningGain::kLikely);
  EXPECT_EQ(fine_tuning_outlook(score_of(0.3), {.training = 0.02, .blind = 0.9}, nullptr, nullptr).gain,
            FineTuningGain::kUnclear);
}

TEST(FineTuningOutlook, SaysNothingOfFeaturesThatAreNoBetterThanABlindGuess) {
  EXPECT_EQ(fine_tuning_outlook(score_of(0.5), {.training = 0.4, .blind = 0.5}, nullptr, nullptr).gain,
            FineTuningGain::kUnclear);
}

TEST(FineTuningOutlook, DoesNotTrustAScoreThatTheValidationSetContradicts) {
  ProbeDisagreement disagreement;
  disagreement.is_beyond_chance = true;
  EXPECT_EQ(fine_tuning_outlook(score_of(0.001), {.training = 0, .blind = 0.9}, &disagreement, nullptr).gain,
            FineTuningGain::kUnclear);
}

}  // namespace
}  // namespace margay::train
