#include "margay/interpret/class_groups.h"

#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/probe_features.h"

namespace margay::interpret {
namespace {

using testing_support::Numbers;

/// Five classes of 100 images; along one direction the images of class 2 lie `gap` standard deviations apart.
torch::Tensor class_features(std::uint64_t seed, double gap) {
  Numbers numbers(seed);
  torch::Tensor features = numbers.normal({500, 20});
  const torch::Tensor labels = torch::arange(500) / 100;
  features += Numbers(2).normal({5, 20}).index_select(0, labels.to(torch::kLong)) * 3;
  features.slice(0, 200, 230).select(1, 4) += gap;
  return features;
}

torch::Tensor class_labels() { return (torch::arange(500) / 100).to(torch::kLong); }

TEST(SplitClass, IsFoundWithBothItsKinds) {
  const auto found = find_split_classes(class_features(1, 9), class_labels());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].label, 2);
  EXPECT_EQ(found[0].first.size(), 70U);
  const std::set<std::int64_t> second(found[0].second.begin(), found[0].second.end());
  EXPECT_EQ(second.size(), 30U);
  EXPECT_EQ(*second.begin(), 200);
  EXPECT_EQ(*second.rbegin(), 229);
  EXPECT_LE(found[0].p_value * 5, 0.05);
}

TEST(SplitClass, IsFoundInOneOfTwentySetsWithoutOneAtMost) {
  int sets = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    sets += find_split_classes(class_features(seed, 0), class_labels()).empty() ? 0 : 1;
  }
  EXPECT_LE(sets, 3);  // at a level of .05, 4 or more in less than 2 of 100 runs
}

TEST(SplitClass, IsNotGuessedOfAFewImages) {
  const torch::Tensor some = torch::arange(200, 235);
  EXPECT_TRUE(find_split_classes(class_features(1, 9).index_select(0, some), torch::zeros({35}, torch::kLong)).empty());
}

TEST(SplitClass, LeavesOutWhatIsToBeLeftOut) {
  torch::Tensor labels = class_labels();
  labels.slice(0, 200, 230) = -1;
  EXPECT_TRUE(find_split_classes(class_features(1, 9), labels).empty());
  EXPECT_THROW(find_split_classes(torch::ones({3, 2}), torch::zeros({2}, torch::kLong)), std::invalid_argument);
}

/// Probabilities of four classes of 150 images, of which 1 and 2 are told apart by `difference`.
torch::Tensor class_probabilities(std::uint64_t seed, double difference) {
  Numbers numbers(seed);
  const torch::Tensor labels = (torch::arange(600) / 150).to(torch::kLong);
  torch::Tensor logits = numbers.normal({600, 4});
  const torch::Tensor is_pair = labels.eq(1).logical_or(labels.eq(2)).to(torch::kFloat);
  for (const std::int64_t k : {0, 3}) logits.select(1, k) += 5 * labels.eq(k).to(torch::kFloat);
  for (const std::int64_t k : {1, 2}) {
    logits.select(1, k) += 5 * is_pair + difference * labels.eq(k).to(torch::kFloat);
  }
  return logits.softmax(1);
}

TEST(SameClasses, AreThoseThatAreNotToldApart) {
  const torch::Tensor labels = (torch::arange(600) / 150).to(torch::kLong);
  const auto found = find_same_classes(labels, class_probabilities(1, 0));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].a, 1);
  EXPECT_EQ(found[0].b, 2);
  EXPECT_NEAR(found[0].auc, 0.5, 0.1);
  EXPECT_LT(found[0].auc_high, 0.7);
}

TEST(SameClasses, AreNotThoseThatAreHardToTellApart) {
  const torch::Tensor labels = (torch::arange(600) / 150).to(torch::kLong);
  int sets = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    sets += find_same_classes(labels, class_probabilities(seed, 0.53)).empty() ? 0 : 1;  // an area of .7
  }
  EXPECT_LE(sets, 4);
}

TEST(SameClasses, AreNotGuessedWhereNothingIsKnown) {
  const torch::Tensor labels = (torch::arange(600) / 150).to(torch::kLong);
  EXPECT_TRUE(find_same_classes(labels, Numbers(1).normal({600, 4}).softmax(1)).empty());
  EXPECT_TRUE(find_same_classes(torch::arange(100) % 2, Numbers(1).normal({100, 2}).softmax(1)).empty());
  EXPECT_THROW(find_same_classes(labels, torch::ones({5, 4})), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
