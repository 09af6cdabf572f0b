#include "margay/interpret/most_confused.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace margay::interpret {
namespace {

ConfusionMatrix matrix_of(const nlohmann::json& counts) {
  std::vector<std::int32_t> actual;
  std::vector<std::int32_t> predicted;
  for (std::size_t row = 0; row < counts.size(); ++row) {
    for (std::size_t column = 0; column < counts.size(); ++column) {
      actual.insert(actual.end(), counts[row][column].get<std::size_t>(), static_cast<std::int32_t>(row));
      predicted.insert(predicted.end(), counts[row][column].get<std::size_t>(), static_cast<std::int32_t>(column));
    }
  }
  return {actual, predicted, static_cast<std::int64_t>(counts.size())};
}

const ConfusedPair* find_pair(const std::vector<ConfusedPair>& pairs, std::int32_t actual, std::int32_t predicted) {
  for (const ConfusedPair& pair : pairs) {
    if (pair.actual == actual && pair.predicted == predicted) return &pair;
  }
  return nullptr;
}

TEST(MostConfused, TestsEveryPairAsScipyDoes) {
  for (const auto& each : testing_support::golden("interpretation.json")["most_confused"]) {
    const std::vector<ConfusedPair> pairs = most_confused(matrix_of(each["matrix"]));
    ASSERT_EQ(pairs.size(), each["pairs"].size());
    for (const auto& expected : each["pairs"]) {
      const ConfusedPair* pair = find_pair(pairs, expected[0], expected[1]);
      ASSERT_NE(pair, nullptr);
      EXPECT_EQ(pair->count, expected[2]);
      EXPECT_NEAR(pair->expected, expected[3], 1e-12);
      EXPECT_NEAR(pair->p_value, expected[4], 1e-12) << expected;
      EXPECT_NEAR(pair->p_holm, expected[5], 1e-10) << expected;
    }
  }
}

TEST(MostConfused, ListsTheMostFrequentPairsFirst) {
  const std::vector<ConfusedPair> pairs = most_confused(matrix_of({{5, 1, 3}, {2, 9, 0}, {0, 0, 4}}), 2);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].count, 3);
  EXPECT_DOUBLE_EQ(pairs[0].share.value, 3.0 / 9);
  EXPECT_EQ(pairs[1].actual, 1);
}

TEST(MostConfused, CorrectsForPairsThatAreNotListed) {
  const auto counts = nlohmann::json{{5, 1, 3}, {2, 9, 0}, {0, 0, 4}};
  const auto all = most_confused(matrix_of(counts));
  EXPECT_EQ(most_confused(matrix_of(counts), 3).at(0).p_holm, all.at(0).p_holm);
}

TEST(MostConfused, FindsNoneWhereAllIsRight) { EXPECT_TRUE(most_confused(matrix_of({{5, 0}, {0, 2}})).empty()); }

TEST(MostConfused, OfTwoClassesIsNeverBeyondChance) {
  for (const ConfusedPair& pair : most_confused(matrix_of({{5, 50}, {1, 9}}))) EXPECT_EQ(pair.p_value, 1);
}

TEST(MostConfused, FindsAPairThatStandsOut) {
  const std::vector<ConfusedPair> pairs =
      most_confused(matrix_of({{20, 15, 0, 1}, {2, 30, 0, 0}, {1, 1, 30, 2}, {1, 0, 2, 30}}));
  EXPECT_TRUE(pairs.at(0).is_beyond_chance()) << pairs.at(0).p_holm;
  EXPECT_FALSE(pairs.at(1).is_beyond_chance()) << pairs.at(1).p_holm;
}

TEST(MostConfused, NeedsACountOfOneAtLeast) {
  EXPECT_THROW(most_confused(matrix_of({{1, 0}, {0, 1}}), 0), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
