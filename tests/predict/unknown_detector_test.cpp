#include "margay/predict/unknown_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/metric/beta_binomial.h"
#include "tests/support/thrown_message.h"

namespace margay::predict {
namespace {

using testing_support::thrown_message;

/// Logits [N,1] of one class, whose score is the given number.
torch::Tensor logits_for(const torch::Tensor& scores) { return -scores.unsqueeze(1); }

UnknownDetector by_largest_logit(const torch::Tensor& calibration, double alpha) {
  return {{.score = UnknownScore::kMaxLogit}, alpha, RefusalGuarantee::kSplit, {KnownScores(calibration)}};
}

UnknownDetector with_known_rows(std::int64_t rows, std::int64_t features, std::int64_t k) {
  torch::manual_seed(3);
  UnknownScorer scorer{.score = UnknownScore::kNearest};
  scorer.known = KnownRows{.rows = unit_rows(torch::randn({rows, features})).to(torch::kHalf).to(torch::kFloat),
                           .members = torch::ones({rows, 2}, torch::kBool),
                           .k = k};
  return {scorer, 0.2, torch::rand({rows})};
}

TEST(KnownScores, CountTheImageItself) {
  const KnownScores known(torch::tensor({3.0F, 1.0F, 2.0F}));
  const torch::Tensor p = known.p_values(torch::tensor({0.0F, 1.5F, 4.0F}));
  EXPECT_TRUE(p.equal(torch::tensor({1.0, 0.75, 0.25}, torch::kDouble)));
}

TEST(KnownScores, CountEqualScoresInFull) {
  const KnownScores known(torch::tensor({2.0F, 2.0F, 2.0F, 1.0F}));
  EXPECT_EQ(known.p_values(torch::tensor({2.0F})).item<double>(), 0.8);
}

TEST(KnownScores, OfNoImagesRefuseNothing) {
  EXPECT_EQ(KnownScores().p_values(torch::tensor({1e9F})).item<double>(), 1);
}

TEST(RefusedRank, IsTheLargestShareThatDoesNotExceedAlpha) {
  EXPECT_EQ(refused_rank(18, 0.05), 0);
  EXPECT_EQ(refused_rank(19, 0.05), 1);
  EXPECT_EQ(refused_rank(99, 0.05), 5);
  EXPECT_EQ(refused_rank(29, 0.1), 3);  // .1 · 30 is below 3 in floating point
  EXPECT_EQ(refused_rank(0, 0.5), 0);
}

TEST(RefusedRank, NeedsFewestImages) {
  for (const double alpha : {0.5, 0.3, 0.2, 0.1, 0.05, 0.01, 0.001, 1e-6, 0.07}) {
    const std::int64_t fewest = fewest_for(alpha);
    EXPECT_EQ(fewest, static_cast<std::int64_t>(std::ceil(1 / alpha - 1e-9)) - 1) << alpha;
    EXPECT_EQ(refused_rank(fewest, alpha), 1) << alpha;
    EXPECT_EQ(refused_rank(fewest - 1, alpha), 0) << alpha;
  }
}

TEST(UnknownDetector, RefusesNothingBelowTheFewestImages) {
  EXPECT_FALSE(by_largest_logit(torch::rand({18}), 0.05).can_refuse());
  EXPECT_TRUE(by_largest_logit(torch::rand({19}), 0.05).can_refuse());
  const torch::Tensor p = by_largest_logit(torch::rand({18}), 0.05).p_known(logits_for(torch::full({1}, 9.0)), {});
  EXPECT_GT(p.item<double>(), 0.05);
}

/// 2,000 pinned draws of 99 calibration images and 50 others.
TEST(UnknownDetector, RefusesKnownImagesAsTheBetaBinomialSays) {
  constexpr int kDraws = 2000;
  constexpr std::int64_t kImages = 99;
  constexpr std::int64_t kOthers = 50;
  constexpr std::size_t kBins = 10;  // 0 … 8 refused, and more
  torch::manual_seed(11);
  std::vector<double> found(kBins, 0.0);
  for (int draw = 0; draw < kDraws; ++draw) {
    const torch::Tensor scores = torch::randn({kImages + kOthers});
    const UnknownDetector detector = by_largest_logit(scores.slice(0, 0, kImages), 0.05);
    const torch::Tensor p = detector.p_known(logits_for(scores.slice(0, kImages)), {});
    ++found[std::min(static_cast<std::size_t>((p <= 0.05).sum().item<std::int64_t>()), kBins - 1)];
  }
  const metric::BetaBinomial law{.trials = kOthers, .a = 5, .b = 95};
  double chi_square = 0;
  double rest = 1;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    const double share = bin + 1 < kBins ? law.probability(static_cast<std::int64_t>(bin)) : rest;
    rest -= share;
    const double expected = kDraws * share;
    EXPECT_GT(expected, 5);  // or the chi-square would not hold
    chi_square += (found[bin] - expected) * (found[bin] - expected) / expected;
  }
  EXPECT_LT(chi_square, 27.88);  // the 99.9 % quantile of 9 degrees of freedom
}

TEST(UnknownDetector, NeverRefusesMoreThanAlphaWhereScoresAreEqual) {
  torch::manual_seed(12);
  std::int64_t refused = 0;
  constexpr int kDraws = 2000;
  for (int draw = 0; draw < kDraws; ++draw) {
    const torch::Tensor scores = torch::randint(4, {100}, torch::kFloat);  // many ties
    refused += (by_largest_logit(scores.slice(0, 0, 99), 0.05).p_known(logits_for(scores.slice(0, 99)), {}) <= 0.05)
                   .sum()
                   .item<std::int64_t>();
  }
  EXPECT_EQ(refused, 0);  // the highest of four scores has a quarter of the images
  const torch::Tensor same = torch::full({99}, 1.0);
  EXPECT_EQ(by_largest_logit(same, 0.05).p_known(logits_for(torch::full({1}, 1.0)), {}).item<double>(), 1);
}

TEST(UnknownDetector, PerClassTakesTheMostLenientClass) {
  const torch::Tensor first = -torch::arange(0, 19, torch::kFloat);    // logits 0 … 18
  const torch::Tensor second = -torch::arange(10, 29, torch::kFloat);  // logits 10 … 28
  const UnknownDetector detector({.score = UnknownScore::kMaxLogit}, 0.05, RefusalGuarantee::kPerClass,
                                 {KnownScores(first), KnownScores(second)});
  const torch::Tensor p = detector.p_known(torch::tensor({{-1.0F, 9.0F}, {-1.0F, 10.0F}, {3.0F, 0.0F}}), {});
  EXPECT_TRUE(p.allclose(torch::tensor({0.05, 0.1, 0.25}, torch::kDouble)));
  EXPECT_TRUE(detector.can_refuse());
}

TEST(UnknownDetector, PerClassRefusesNothingWhereOneClassHasTooFewImages) {
  const UnknownDetector detector({.score = UnknownScore::kMaxLogit}, 0.05, RefusalGuarantee::kPerClass,
                                 {KnownScores(torch::rand({50})), KnownScores(torch::rand({3}))});
  EXPECT_FALSE(detector.can_refuse());
  EXPECT_GT(detector.p_known(torch::full({1, 2}, -1e9), {}).item<double>(), 0.05);
}

TEST(UnknownDetector, ComparesLeftOutScoresWithTheRowsOfEach) {
  const UnknownDetector detector = with_known_rows(30, 4, 3);
  const torch::Tensor features = torch::randn({20, 4});
  const torch::Tensor p = detector.p_known(torch::zeros({20, 2}), features);
  const KnownRows& known = *detector.scorer().known;
  const torch::Tensor own = detector.tensors().at("margay.unknown.scores");
  for (std::int64_t image = 0; image < 20; ++image) {
    const torch::Tensor distances =
        (2 - 2 * unit_rows(features.slice(0, image, image + 1)).matmul(known.rows.t())).sqrt()[0];
    std::int64_t as_high = 0;
    for (std::int64_t i = 0; i < 30; ++i) {
      const torch::Tensor others = torch::cat({distances.slice(0, 0, i), distances.slice(0, i + 1)});
      const float without = std::get<0>(others.sort())[2].item<float>();
      as_high += own[i].item<float>() >= without ? 1 : 0;
    }
    EXPECT_NEAR(p[image].item<double>(), static_cast<double>(as_high + 1) / 31, 1e-12) << image;
  }
}

TEST(UnknownDetector, GivesNonFiniteOutputsTheSmallestP) {
  const UnknownDetector detector = by_largest_logit(torch::rand({19}), 0.05);
  EXPECT_EQ(detector.p_known(torch::full({1, 1}, std::nan("")), {}).item<double>(), 0.05);
  const torch::Tensor features = torch::full({1, 4}, std::numeric_limits<double>::infinity());
  EXPECT_NEAR(with_known_rows(30, 4, 3).p_known(torch::zeros({1, 2}), features).item<double>(), 1.0 / 31, 1e-12);
}

TEST(UnknownDetector, ComesBackFromItsState) {
  const UnknownDetector split = by_largest_logit(torch::rand({25}), 0.1);
  model::TensorMap tensors = split.tensors();
  tensors["weight"] = torch::zeros({1});
  const UnknownDetector again = UnknownDetector::from_bundle(split.header(), tensors, 1, 4);
  EXPECT_EQ(tensors.size(), 1U);  // the others were taken
  EXPECT_EQ(again.alpha(), 0.1);
  EXPECT_TRUE(again.calibration().front().sorted().equal(split.calibration().front().sorted()));

  const UnknownDetector left_out = with_known_rows(30, 4, 3);
  tensors = left_out.tensors();
  const UnknownDetector rows_again = UnknownDetector::from_bundle(left_out.header(), tensors, 2, 4);
  EXPECT_EQ(rows_again.guarantee(), RefusalGuarantee::kLeftOut);
  const torch::Tensor features = torch::randn({5, 4});
  EXPECT_TRUE(
      rows_again.p_known(torch::zeros({5, 2}), features).equal(left_out.p_known(torch::zeros({5, 2}), features)));
  EXPECT_EQ(left_out.bytes(), 30 * 4 * 2 + 30 * 2 + 30 * 4);
}

TEST(UnknownDetector, NamesTheTensorThatDoesNotFit) {
  const UnknownDetector detector = with_known_rows(30, 4, 3);
  model::TensorMap tensors = detector.tensors();
  tensors.erase("margay.unknown.rows");
  EXPECT_NE(thrown_message<std::invalid_argument>([&] {
              UnknownDetector::from_bundle(detector.header(), tensors, 2, 4);
            }).find("margay.unknown.rows"),
            std::string::npos);
  tensors = detector.tensors();
  EXPECT_NE(thrown_message<std::invalid_argument>([&] {
              UnknownDetector::from_bundle(detector.header(), tensors, 2, 5);
            }).find("expected Half [-1, 5]"),
            std::string::npos);
}

TEST(UnknownDetector, RefusesCalibrationsThatDoNotFit) {
  const UnknownScorer scorer{.score = UnknownScore::kEnergy};
  const std::vector<KnownScores> two{KnownScores(torch::rand({3})), KnownScores(torch::rand({3}))};
  EXPECT_THROW(UnknownDetector(scorer, 0.05, RefusalGuarantee::kSplit, two), std::invalid_argument);
  EXPECT_THROW(UnknownDetector(scorer, 0.0, RefusalGuarantee::kPerClass, two), std::invalid_argument);
  EXPECT_THROW(UnknownDetector({.score = UnknownScore::kNearest}, 0.05, RefusalGuarantee::kSplit, {two.front()}),
               std::invalid_argument);
  EXPECT_THROW(KnownScores(torch::full({2}, std::nan(""))), std::invalid_argument);
  EXPECT_THROW(UnknownDetector(scorer, 0.05, torch::rand({4})), std::invalid_argument);
}

TEST(RefusalCounts, CountByClass) {
  Predictions predictions;
  predictions.ids = {0, 1, 2, 3};
  predictions.logits = torch::zeros({4, 3});
  predictions.targets = torch::tensor({0, 0, 2, 2}, torch::kLong);
  RefusalCounts counts;
  counts.add(predictions, 0.05);
  EXPECT_EQ(counts.images, 0);  // no p_known
  predictions.p_known = torch::tensor({0.05, 0.5, 0.01, 0.02}, torch::kDouble);
  counts.add(predictions, 0.05);
  counts.add(predictions, 0.05);
  EXPECT_EQ(counts.images, 8);
  EXPECT_EQ(counts.refused, 6);
  EXPECT_TRUE(counts.class_images.equal(torch::tensor({4, 0, 4}, torch::kLong)));
  EXPECT_TRUE(counts.class_refused.equal(torch::tensor({2, 0, 4}, torch::kLong)));
}

TEST(RefusalCounts, CountEveryLabelOfAnImage) {
  Predictions predictions;
  predictions.ids = {0, 1};
  predictions.logits = torch::zeros({2, 2});
  predictions.targets = torch::tensor({{1.0F, 1.0F}, {0.0F, 0.0F}});
  predictions.p_known = torch::tensor({0.01, 0.01}, torch::kDouble);
  RefusalCounts counts;
  counts.add(predictions, 0.05);
  EXPECT_EQ(counts.refused, 2);
  EXPECT_TRUE(counts.class_refused.equal(torch::tensor({1, 1}, torch::kLong)));
}

}  // namespace
}  // namespace margay::predict
