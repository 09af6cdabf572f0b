#include "margay/interpret/remaining_errors.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "tests/support/test_scale.h"

namespace margay::interpret {
namespace {

TEST(RemainingErrors, NothingSeenExcludesNothing) { EXPECT_EQ(most_wrong({1000, 0, 0}), 1000U); }

TEST(RemainingErrors, EverythingSeenLeavesNoDoubt) {
  EXPECT_EQ(most_wrong({1000, 1000, 0}), 0U);
  EXPECT_EQ(most_wrong({1000, 1000, 17}), 17U);
  EXPECT_EQ(most_wrong({0, 0, 0}), 0U);
}

// Two images, one seen and right. θ = 0: L = 1; θ = 1: L = 1/2; weights 1, 1/2: M(1) = (1 + 1/4) / (3/2) / (1/2) = 5/3.
TEST(RemainingErrors, IsTheFormulaByHand) {
  EXPECT_EQ(most_wrong({2, 1, 0}, 0.41), 1U);  // 5/3 < 1 / .59
  EXPECT_EQ(most_wrong({2, 1, 0}, 0.39), 0U);  // 5/3 > 1 / .61
}

/// M(θ) of the header, term by term, in long double.
long double martingale(const ReviewedSample& seen, std::size_t theta) {
  const auto log_l = [&](std::size_t j) {
    const auto lf = [](std::size_t n) { return std::lgamma(static_cast<long double>(n) + 1); };
    return lf(j) - lf(j - seen.wrong) + lf(seen.population - j) - lf(seen.population - j - seen.looked_at + seen.wrong);
  };
  long double sum = 0;
  long double weights = 0;
  for (std::size_t j = 0; j <= theta; ++j) {
    weights += 1 / static_cast<long double>(j + 1);
    if (j >= seen.wrong) sum += std::exp(log_l(j) - log_l(theta)) / static_cast<long double>(j + 1);
  }
  return sum / weights;
}

TEST(RemainingErrors, IsTheLargestNumberThatTheMartingaleAllows) {
  for (const ReviewedSample& seen :
       std::vector<ReviewedSample>{{600, 300, 140}, {200, 40, 0}, {200, 100, 7}, {1000, 30, 12}, {90, 89, 1}}) {
    const std::size_t bound = most_wrong(seen);
    EXPECT_LT(martingale(seen, bound), 20);
    for (std::size_t theta = bound + 1; theta <= seen.population - seen.looked_at + seen.wrong; ++theta) {
      EXPECT_GE(martingale(seen, theta), 20) << seen.population << ' ' << theta;
    }
  }
}

// Of a sample whose size is fixed before, 250 are enough.
TEST(RemainingErrors, ThreeHundredRightOnesOfManyBoundTheWrongByOnePointTwoPercent) {
  EXPECT_LE(most_wrong({10'000, 300, 0}), 120U);
  EXPECT_GT(most_wrong({10'000, 250, 0}), 120U);
}

TEST(RemainingErrors, AWrongOneRaisesTheBoundAndARightOneDoesNot) {
  std::size_t before = 500;
  for (std::size_t seen = 1; seen <= 200; ++seen) {
    const std::size_t bound = most_wrong({500, seen, 0});
    EXPECT_LE(bound, before);
    EXPECT_GE(most_wrong({500, seen, 1}), bound);
    before = bound;
  }
}

// One of 2,000 cleanings: an unknown number of wrong labels, images looked at in random order, a reviewer who looks at
// the bound after each of them and stops as soon as it says too little, the worst stop there is.
bool bound_ever_fails(std::uint64_t seed, std::size_t population, std::size_t most_looks) {
  core::Random random({seed, 1907});
  const std::size_t wrong = random.below(population / 8);
  const std::vector<std::size_t> order = core::permutation(population, core::Random({seed, 1908}));
  ReviewedSample seen{population, 0, 0};
  for (std::size_t i = 0; i < most_looks; ++i) {
    ++seen.looked_at;
    if (order[i] < wrong) ++seen.wrong;
    if (most_wrong(seen) < wrong) return true;
  }
  return false;
}

TEST(RemainingErrors, HoldsInAtLeast1870Of2000CleaningsWhereverTheReviewerStops) {
  const auto population = static_cast<std::size_t>(testing_support::scaled(160, 2000));
  const auto most_looks = static_cast<std::size_t>(testing_support::scaled(120, 800));
  int holds = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    if (!bound_ever_fails(seed, population, most_looks)) ++holds;
  }
  RecordProperty("holds", holds);
  EXPECT_GE(holds, 1870);
  EXPECT_LT(holds, 2000);  // a bound that never fails says too little
}

TEST(RemainingErrors, EstimatesTheUnseenByTheSeen) {
  EXPECT_DOUBLE_EQ(estimated_unseen_wrong({1000, 100, 2}).value(), 18);
  EXPECT_FALSE(estimated_unseen_wrong({1000, 0, 0}).has_value());
}

TEST(RemainingErrors, TellsHowManyMoreLooksAreNeeded) {
  const ReviewedSample seen{1000, 50, 0};
  const std::size_t more = looks_until(seen, 20).value();
  EXPECT_LE(most_wrong({1000, 50 + more, 0}), 20U);
  EXPECT_GT(most_wrong({1000, 49 + more, 0}), 20U);
  EXPECT_EQ(looks_until(seen, 1000), 0U);
  EXPECT_FALSE(looks_until({1000, 50, 3}, 2).has_value());
}

TEST(RemainingErrors, RefusesWhatNoSampleIs) {
  EXPECT_THROW(most_wrong({10, 11, 0}), std::invalid_argument);
  EXPECT_THROW(most_wrong({10, 5, 6}), std::invalid_argument);
  EXPECT_THROW(most_wrong({10, 5, 0}, 1), std::invalid_argument);
  EXPECT_THROW(most_wrong({10, 5, 0}, std::nan("")), std::invalid_argument);
  EXPECT_THROW(estimated_unseen_wrong({10, 11, 0}), std::invalid_argument);
  EXPECT_THROW(looks_until({10, 11, 0}, 3), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
