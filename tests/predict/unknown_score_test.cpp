#include "margay/predict/unknown_score.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::predict {
namespace {

constexpr double kInfinitelyFar = std::numeric_limits<double>::infinity();

torch::Tensor logits_of_two() { return torch::tensor({{1.0F, 3.0F}, {-2.0F, -5.0F}}); }

KnownRows three_rows() {
  KnownRows known;
  known.rows = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}, {-1.0F, 0.0F}}).to(torch::kHalf).to(torch::kFloat);
  known.members = torch::tensor({{true, false, false}, {true, false, false}, {false, true, false}});
  return known;
}

TEST(UnknownScore, OfTheLargestLogitIsItsNegative) {
  EXPECT_TRUE(max_logit_scores(logits_of_two()).equal(torch::tensor({-3.0F, 2.0F})));
}

TEST(UnknownScore, OfEnergyIsTheFormula) {
  const torch::Tensor softmax = energy_scores(logits_of_two(), metric::Activation::kSoftmax);
  EXPECT_NEAR(softmax[0].item<double>(), -std::log(std::exp(1.0) + std::exp(3.0)), 1e-6);
  const torch::Tensor sigmoids = energy_scores(logits_of_two(), metric::Activation::kSigmoid);
  EXPECT_NEAR(sigmoids[1].item<double>(), -std::log1p(std::exp(-2.0)) - std::log1p(std::exp(-5.0)), 1e-6);
}

TEST(UnknownScore, OfEnergyStaysFiniteForLargeLogits) {
  const torch::Tensor large = torch::tensor({{1000.0F, 1000.0F}});
  EXPECT_NEAR(energy_scores(large, metric::Activation::kSoftmax).item<double>(), -1000 - std::log(2.0), 1e-3);
  EXPECT_NEAR(energy_scores(large, metric::Activation::kSigmoid).item<double>(), -2000, 1e-3);
}

TEST(UnitRows, HaveLengthOneUnlessTheyAreZero) {
  const torch::Tensor rows = unit_rows(torch::tensor({{3.0F, 4.0F}, {0.0F, 0.0F}}));
  EXPECT_TRUE(rows.allclose(torch::tensor({{0.6F, 0.8F}, {0.0F, 0.0F}})));
}

TEST(KnownRows, GiveTheDistanceToTheKthNearest) {
  KnownRows known = three_rows();
  const torch::Tensor image = torch::tensor({{5.0F, 0.0F}});  // its length does not matter
  EXPECT_NEAR(known.distances(image).item<double>(), 0, 1e-6);
  known.k = 2;
  EXPECT_NEAR(known.distances(image).item<double>(), std::sqrt(2.0), 1e-6);
  known.k = 3;
  EXPECT_NEAR(known.distances(image).item<double>(), 2, 1e-6);
  const NearestRows found = known.nearest(image, 3);
  EXPECT_TRUE(found.rows.equal(torch::tensor({{0, 1, 2}}, torch::kLong)));
}

TEST(KnownRows, GiveTheDistanceWithinEachClass) {
  KnownRows known = three_rows();
  known.k = 2;  // the second class has one row, which counts then; the third has none
  const torch::Tensor distances = known.class_distances(torch::tensor({{1.0F, 0.0F}}));
  EXPECT_NEAR(distances[0][0].item<double>(), std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(distances[0][1].item<double>(), 2, 1e-6);
  EXPECT_EQ(distances[0][2].item<double>(), kInfinitelyFar);
}

TEST(UnknownScorer, GivesInfinityToNonFiniteOutputs) {
  const UnknownScorer logits{.score = UnknownScore::kEnergy};
  torch::Tensor broken = torch::zeros({3, 2});
  broken[1][0] = std::nan("");
  broken[2][1] = kInfinitelyFar;
  EXPECT_TRUE(logits.scores(broken, {}).isinf().equal(torch::tensor({false, true, true})));
  EXPECT_TRUE(logits.class_scores(broken, {}).isinf().all(1).equal(torch::tensor({false, true, true})));
  UnknownScorer nearest{.score = UnknownScore::kNearest, .known = three_rows()};
  EXPECT_TRUE(nearest.scores(torch::zeros({3, 2}), broken).isinf().equal(torch::tensor({false, true, true})));
}

TEST(UnknownScorer, JudgesClassesByTheirOwnLogits) {
  const UnknownScorer scorer{.score = UnknownScore::kMaxLogit};
  EXPECT_TRUE(scorer.class_scores(logits_of_two(), {}).equal(-logits_of_two()));
  const torch::Tensor smallest = std::get<0>(scorer.class_scores(logits_of_two(), {}).min(1));
  EXPECT_TRUE(smallest.equal(scorer.scores(logits_of_two(), {})));
}

TEST(UnknownScorer, RefusesOutputsOfOtherShapes) {
  const UnknownScorer nearest{.score = UnknownScore::kNearest, .known = three_rows()};
  EXPECT_THROW(nearest.scores(torch::zeros({1, 2}), torch::zeros({1, 3})), std::invalid_argument);
  EXPECT_THROW(nearest.scores(torch::zeros({1, 2}), {}), std::invalid_argument);
  EXPECT_THROW(nearest.scores(torch::zeros({2}), torch::zeros({1, 2})), std::invalid_argument);
}

}  // namespace
}  // namespace margay::predict
