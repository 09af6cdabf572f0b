#include "margay/data/source/balance.h"

#include <numeric>

#include <gtest/gtest.h>

namespace margay::data {
namespace {

Dataset dataset_of(Items items, const Vocabulary& vocabulary) {
  std::vector<std::size_t> rows(items.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return {std::make_shared<Items>(std::move(items)), rows, vocabulary};
}

Dataset three_to_one() { return dataset_of({{"1", "a"}, {"2", "a"}, {"3", "a"}, {"4", "b"}}, Vocabulary({"a", "b"})); }

TEST(ClassWeights, AreInverseToTheCountsAndOneOnAverage) {
  EXPECT_EQ(class_counts(three_to_one()), (std::vector<std::int64_t>{3, 1}));
  const std::vector<double> weights = class_weights(three_to_one());
  EXPECT_NEAR(weights[0], 0.5, 1e-12);
  EXPECT_NEAR(weights[1], 1.5, 1e-12);
}

TEST(ClassWeights, OfTheEffectiveNumberDifferLess) {
  const std::vector<double> weights =
      class_weights(three_to_one(), {.weighting = RarityWeighting::kEffectiveNumber, .beta = 0.5});
  // (1 - .5) / (1 - .5^n): 4/7 and 1, of which the mean is 11/14
  EXPECT_NEAR(weights[0], 8.0 / 11, 1e-12);
  EXPECT_NEAR(weights[1], 14.0 / 11, 1e-12);
  EXPECT_THROW(class_weights(three_to_one(), {.beta = 1}), std::invalid_argument);
}

TEST(ClassWeights, OfClassesThatDoNotOccurAreOne) {
  const Dataset dataset = dataset_of({{"1", "a"}, {"2", "a"}, {"3", "c"}}, Vocabulary({"a", "b", "c"}));
  const std::vector<double> weights = class_weights(dataset);
  EXPECT_EQ(weights[1], 1.0);
  EXPECT_NEAR(weights[0] + weights[2], 2, 1e-12);
}

TEST(SampleWeights, GiveEveryClassTheSameChance) {
  const std::vector<double> weights = sample_weights(three_to_one());
  EXPECT_NEAR(weights[0] + weights[1] + weights[2], weights[3], 1e-12);
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 4, 1e-12);
}

TEST(SampleWeights, GoByTheRarestOfSeveralClasses) {
  Items items(Task::kMultiLabel);
  items.add("1", {"a"});
  items.add("2", {"a", "b"});
  items.add("3", {});
  items.add("4", {});
  const std::vector<double> weights = sample_weights(dataset_of(std::move(items), Vocabulary({"a", "b"})));
  EXPECT_NEAR(weights[1], 2 * weights[0], 1e-12);
  EXPECT_NEAR(weights[2], weights[0], 1e-12);
}

}  // namespace
}  // namespace margay::data
