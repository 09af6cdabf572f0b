#include "margay/interpret/fit_unknown.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/labelled_clouds.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using metric::Activation;
using predict::RefusalGuarantee;
using predict::UnknownScore;
using testing_support::labelled_clouds;
using testing_support::thrown_message;

LabelledOutputs outputs_of(std::int64_t images, std::uint64_t seed, std::int64_t classes = 4, double distance = 6) {
  const testing_support::LabelledClouds clouds = labelled_clouds(images, classes, 16, distance, seed);
  return {.logits = clouds.logits, .features = clouds.features, .targets = clouds.targets};
}

/// The same images, of which each has its class's label and that of the next class.
LabelledOutputs with_two_labels(LabelledOutputs outputs) {
  const std::int64_t classes = outputs.logits.size(1);
  const torch::Tensor first = torch::one_hot(outputs.targets, classes);
  outputs.targets = (first + first.roll(1, 1)).to(torch::kFloat);
  return outputs;
}

double refused_share(const predict::UnknownDetector& detector, const LabelledOutputs& images) {
  return (detector.p_known(images.logits, images.features) <= detector.alpha())
      .to(torch::kDouble)
      .mean()
      .item<double>();
}

UnknownFit fitted(const UnknownOptions& options = {}, std::int64_t threshold_images = 199) {
  return fit_unknown(outputs_of(200, 1), outputs_of(threshold_images, 2), Activation::kSoftmax, options);
}

TEST(FitUnknown, RefusesAlphaOfTheKnownAndMostOfTheUnknown) {
  const UnknownFit fit = fitted();
  const LabelledOutputs known = outputs_of(4000, 3);
  ASSERT_TRUE(fit.band.has_value());
  EXPECT_GT(refused_share(fit.detector, known), fit.band->low);
  EXPECT_LT(refused_share(fit.detector, known), fit.band->high);
  LabelledOutputs unknown = known;
  unknown.features = torch::randn({4000, 16});  // of no class
  unknown.logits = torch::zeros({4000, 4});
  EXPECT_GT(refused_share(fit.detector, unknown), 0.5);
}

TEST(FitUnknown, StatesTheExactBand) {
  const UnknownFit fit = fitted();  // 199 images at .05: the 10 most unlike are refused, Beta(10, 190)
  EXPECT_NEAR(fit.band->low, 0.0243573, 1e-6);
  EXPECT_NEAR(fit.band->high, 0.0841146, 1e-6);
  const auto refused = [&] {
    std::int64_t sum = 0;
    for (const ClassRefusals& each : fit.classes) sum += each.refused;
    return sum;
  }();
  EXPECT_EQ(refused, 9);  // judged by the other 198: ranks up to .05 · 199
}

class EveryScore : public testing::TestWithParam<UnknownScore> {};

TEST_P(EveryScore, KeepsToAlphaOverManyDraws) {
  const UnknownOptions options{.alpha = 0.1, .score = GetParam()};
  double sum = 0;
  constexpr int kDraws = 40;
  for (int draw = 0; draw < kDraws; ++draw) {
    const auto seed = static_cast<std::uint64_t>(100 + 3 * draw);
    const UnknownFit fit = fit_unknown(outputs_of(60, seed), outputs_of(39, seed + 1), Activation::kSoftmax, options);
    sum += refused_share(fit.detector, outputs_of(200, seed + 2));
  }
  // The mean of Beta(4, 36) draws of deviation .047, within 3 standard errors.
  EXPECT_NEAR(sum / kDraws, 0.1, 3 * 0.052 / std::sqrt(double{kDraws}));
}

TEST_P(EveryScore, KeepsToAlphaInEachClass) {
  const UnknownOptions options{.alpha = 0.1, .per_class = true, .score = GetParam()};
  const UnknownFit fit = fit_unknown(outputs_of(200, 1), outputs_of(400, 2), Activation::kSoftmax, options);
  EXPECT_TRUE(fit.detector.can_refuse());
  const LabelledOutputs known = outputs_of(2000, 3);
  const torch::Tensor is_refused = fit.detector.p_known(known.logits, known.features) <= 0.1;
  for (std::int64_t c = 0; c < 4; ++c) {
    const torch::Tensor own = is_refused.index_select(0, (known.targets == c).nonzero().squeeze(1));
    EXPECT_LT(own.to(torch::kDouble).mean().item<double>(), 0.1 + 3 * 0.03) << c;
  }
}

TEST_P(EveryScore, TakesSeveralLabels) {
  const UnknownOptions options{.alpha = 0.1, .score = GetParam()};
  for (const bool per_class : {false, true}) {
    UnknownOptions each = options;
    each.per_class = per_class;
    const UnknownFit fit = fit_unknown(with_two_labels(outputs_of(100, 1)), with_two_labels(outputs_of(200, 2)),
                                       Activation::kSigmoid, each);
    const LabelledOutputs known = with_two_labels(outputs_of(1000, 3));
    EXPECT_LT(refused_share(fit.detector, known), 0.1 + 3 * 0.025) << per_class;
    EXPECT_EQ(fit.classes.size(), 4U);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, EveryScore,
                         testing::Values(UnknownScore::kMaxLogit, UnknownScore::kEnergy, UnknownScore::kMahalanobis,
                                         UnknownScore::kNearest),
                         [](const auto& score) { return core::to_text(score.param); });

TEST(FitUnknown, ChoosesTheScoreThatTellsLeftOutClasses) {
  const std::vector<ScoreTrial> trials = compare_unknown_scores(outputs_of(300, 1), Activation::kSoftmax);
  ASSERT_EQ(trials.size(), 4U);
  EXPECT_GT(trials[0].detection.auroc, 0.9);
  EXPECT_EQ(trials[0].classes, 4);
  for (std::size_t i = 2; i < 4; ++i) EXPECT_GE(trials[i - 1].detection.auroc, trials[i].detection.auroc);
  EXPECT_EQ(fitted().detector.scorer().score,
            compare_unknown_scores(outputs_of(200, 1), Activation::kSoftmax)[0].score);
}

/// Logits that were trained on a class are low for it elsewhere, as they are for no class that is really new.
TEST(FitUnknown, IsNotMisledByLogitsThatKnowTheLeftOutClass) {
  LabelledOutputs outputs = outputs_of(300, 1);
  torch::manual_seed(5);
  outputs.features = torch::randn({300, 16});  // tell nothing
  outputs.logits = 10 * torch::one_hot(outputs.targets, 4).to(torch::kFloat);
  for (const ScoreTrial& trial : compare_unknown_scores(outputs, Activation::kSoftmax)) {
    EXPECT_NEAR(trial.detection.auroc, 0.5, 0.12) << core::to_text(trial.score);
  }
}

TEST(FitUnknown, GivesTheSameDetectorForTheSameSeed) {
  const UnknownFit a = fitted();
  const UnknownFit b = fitted();
  EXPECT_EQ(a.detector.header(), b.detector.header());
  for (const auto& [name, tensor] : a.detector.tensors())
    EXPECT_TRUE(tensor.equal(b.detector.tensors().at(name))) << name;
}

TEST(FitUnknown, StaysWithinItsBytes) {
  for (const UnknownScore score : {UnknownScore::kMahalanobis, UnknownScore::kNearest}) {
    const UnknownFit fit = fitted({.score = score, .most_bytes = 2000});
    EXPECT_LE(fit.detector.bytes(), 2000) << core::to_text(score);
    EXPECT_GT(fit.detector.bytes(), 796);  // the calibration scores alone
  }
}

TEST(FitUnknown, SaysThatNothingIsRefused) {
  const UnknownFit fit = fitted({}, 18);
  EXPECT_FALSE(fit.detector.can_refuse());
  EXPECT_FALSE(fit.band.has_value());
  ASSERT_EQ(fit.notes.size(), 1U);
  EXPECT_EQ(fit.notes[0], "nothing is refused: 18 images set the threshold, and refusing one at `alpha` 0.05 takes 19");
  EXPECT_EQ(refused_share(fit.detector, outputs_of(50, 3)), 0);
  const UnknownFit by_class = fitted({.per_class = true}, 60);
  EXPECT_NE(by_class.notes.at(0).find("of 4 classes have too few images"), std::string::npos);
}

TEST(FitUnknown, TakesTwoImages) {
  const UnknownFit fit = fit_unknown(outputs_of(1, 1), outputs_of(1, 2), Activation::kSoftmax);
  EXPECT_FALSE(fit.detector.can_refuse());
  EXPECT_EQ(fit.detector.scorer().score, UnknownScore::kNearest);
  EXPECT_EQ(fit.notes.size(), 2U);  // not compared, nothing refused
}

TEST(FitUnknown, TakesOneClass) {
  const UnknownFit fit = fit_unknown(outputs_of(50, 1, 1), outputs_of(99, 2, 1), Activation::kSoftmax);
  EXPECT_EQ(fit.detector.scorer().score, UnknownScore::kNearest);
  EXPECT_TRUE(fit.trials.empty());
  EXPECT_NEAR(refused_share(fit.detector, outputs_of(2000, 3, 1)), 0.05, 0.07);
  EXPECT_THROW(fit_unknown(outputs_of(50, 1, 1), outputs_of(99, 2, 1), Activation::kSoftmax,
                           {.score = UnknownScore::kMahalanobis}),
               std::invalid_argument);
}

TEST(FitUnknown, RefusesNothingOfConstantOutputs) {
  LabelledOutputs same = outputs_of(60, 1);
  same.features = torch::ones({60, 16});
  same.logits = torch::zeros({60, 4});
  for (const auto& [score, name] : predict::names(UnknownScore{})) {
    const UnknownFit fit = fit_unknown(same, same, Activation::kSoftmax, {.score = score});
    EXPECT_EQ(refused_share(fit.detector, same), 0) << name;
  }
}

TEST(FitUnknown, WorksWithoutFeatures) {
  LabelledOutputs logits = outputs_of(100, 1);
  logits.features = torch::Tensor();
  LabelledOutputs threshold = outputs_of(99, 2);
  threshold.features = torch::Tensor();
  const UnknownFit fit = fit_unknown(logits, threshold, Activation::kSoftmax);
  EXPECT_EQ(fit.trials.size(), 2U);
  EXPECT_FALSE(fit.detector.needs_features());
  EXPECT_THROW(fit_unknown(logits, threshold, Activation::kSoftmax, {.score = UnknownScore::kNearest}),
               std::invalid_argument);
}

TEST(FitUnknown, NamesTheFirstNonFiniteRow) {
  LabelledOutputs broken = outputs_of(50, 1);
  broken.logits[7][2] = std::nan("");
  broken.logits[9][0] = std::nan("");
  EXPECT_EQ(
      thrown_message<std::invalid_argument>([&] { fit_unknown(outputs_of(50, 1), broken, Activation::kSoftmax); }),
      "[fit_unknown] the logits of 2 of 50 images are non-finite, first of row 7");
  EXPECT_THROW(fitted({.alpha = 0.9}), std::invalid_argument);
}

TEST(FitUnknownLeftOut, KeepsToTwiceAlphaWithoutHeldOutImages) {
  double sum = 0;
  constexpr int kDraws = 20;
  for (int draw = 0; draw < kDraws; ++draw) {
    const auto seed = static_cast<std::uint64_t>(500 + 2 * draw);
    const UnknownFit fit = fit_unknown_left_out(outputs_of(80, seed), {.alpha = 0.1});
    EXPECT_EQ(fit.detector.guarantee(), RefusalGuarantee::kLeftOut);
    sum += refused_share(fit.detector, outputs_of(100, seed + 1));
  }
  EXPECT_LT(sum / kDraws, 0.2);
  EXPECT_GT(sum / kDraws, 0.05);  // usually close to alpha
}

TEST(FitUnknownLeftOut, DoesNotJudgeAnImageByItself) {
  const LabelledOutputs known = outputs_of(40, 1);
  const UnknownFit fit = fit_unknown_left_out(known, {.neighbours = 1});
  EXPECT_GT(fit.detector.calibration().front().sorted()[0].item<float>(), 0.05F);  // itself would be at 0
  EXPECT_THROW(fit_unknown_left_out(known, {.per_class = true}), std::invalid_argument);
  EXPECT_THROW(fit_unknown_left_out(outputs_of(2, 1)), std::invalid_argument);
}

TEST(SplitForThreshold, DividesImagesInHalves) {
  const ThresholdSplit split = split_for_threshold(101, 0.05, 1);
  EXPECT_EQ(split.threshold.size(), 51U);
  std::set<std::int64_t> all(split.fit.begin(), split.fit.end());
  all.insert(split.threshold.begin(), split.threshold.end());
  EXPECT_EQ(all.size(), 101U);
  EXPECT_TRUE(std::is_sorted(split.fit.begin(), split.fit.end()));
  EXPECT_NE(split_for_threshold(101, 0.05, 2).fit, split.fit);
}

TEST(SplitForThreshold, GivesTheThresholdWhatItNeeds) {
  EXPECT_EQ(split_for_threshold(26, 0.05, 1).threshold.size(), 19U);
  EXPECT_EQ(split_for_threshold(20, 0.05, 1).threshold.size(), 15U);  // three quarters at most
  EXPECT_TRUE(split_for_threshold(0, 0.05, 1).threshold.empty());
}

TEST(SplitForThreshold, KeepsGroupsTogether) {
  const torch::Tensor groups = torch::arange(60, torch::kLong).div(3, "floor");
  const ThresholdSplit split = split_for_threshold(60, 0.05, 1, groups);
  std::set<std::int64_t> of_threshold;
  for (const std::int64_t i : split.threshold) of_threshold.insert(i / 3);
  for (const std::int64_t i : split.fit) EXPECT_FALSE(of_threshold.contains(i / 3)) << i;
  EXPECT_EQ(split.threshold.size(), 30U);
}

}  // namespace
}  // namespace margay::interpret
