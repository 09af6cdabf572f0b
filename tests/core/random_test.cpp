#include "margay/core/random.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace margay::core {
namespace {

TEST(Random, IsAFunctionOfItsWholeKey) {
  Random a{1, 2, 3};
  Random same{1, 2, 3};
  Random other{1, 3, 2};
  const std::uint64_t first = a.next();
  EXPECT_EQ(first, same.next());
  EXPECT_NE(first, other.next());
  EXPECT_NE(first, a.next());
}

TEST(Random, UniformFillsTheUnitIntervalEvenly) {
  Random random{7};
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.01);
}

TEST(Random, NeighbouringKeysAreUnrelated) {
  double sum = 0;
  for (std::uint64_t item = 0; item < 10000; ++item) sum += Random{42, 0, item}.uniform();
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  Random random{5};
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) ++counts.at(random.below(7));
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 850);
  EXPECT_THROW(random.below(0), std::invalid_argument);
}

TEST(Permutation, HoldsEachIndexOnce) {
  std::vector<std::size_t> order = permutation(1000, Random{3});
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i);
  EXPECT_TRUE(permutation(0, Random{3}).empty());
}

TEST(TorchPermutation, StartsAsRandpermOfSeed42) {
  EXPECT_EQ(torch_permutation(10, 42), (std::vector<std::size_t>{2, 6, 1, 8, 4, 5, 0, 9, 3, 7}));
}

TEST(TorchPermutation, MakesTheSplitsThatFastaiMakes) {
  MARGAY_REQUIRE_GOLDEN("splits_labels.json");
  const auto golden = testing_support::golden("splits_labels.json");
  for (const int seed : {42, 0}) {
    for (const std::size_t n : {10U, 100U, 1027U, 7390U}) {
      const auto expected = golden["RandomSplitter(0.2,seed=" + std::to_string(seed) + ") n=" + std::to_string(n)];
      const std::vector<std::size_t> order = torch_permutation(n, static_cast<std::uint64_t>(seed));
      const auto valid = expected["valid"].get<std::vector<std::size_t>>();
      EXPECT_TRUE(std::equal(valid.begin(), valid.end(), order.begin())) << n;
    }
  }
}

}  // namespace
}  // namespace margay::core
