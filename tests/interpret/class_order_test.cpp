#include "margay/interpret/class_order.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "tests/support/kept_predictions.h"

namespace margay::interpret {
namespace {

/// Whether the classes of each block stand together.
bool forms_blocks(const std::vector<std::int32_t>& order, const std::vector<std::int32_t>& block_of_class) {
  std::map<std::int32_t, std::int64_t> changes;
  std::int32_t last = -1;
  for (const std::int32_t k : order) {
    const std::int32_t block = block_of_class[static_cast<std::size_t>(k)];
    if (block != last) ++changes[block];
    last = block;
  }
  return std::ranges::all_of(changes, [](const auto& each) { return each.second == 1; });
}

TEST(ClusterOrder, PutsClassesThatAreConfusedBesideEachOther) {
  constexpr std::int32_t kClasses = 60;
  core::Random random{11};
  std::vector<std::int32_t> block_of_class;
  for (std::int32_t k = 0; k < kClasses; ++k) block_of_class.push_back(static_cast<std::int32_t>(random.below(6)));
  std::vector<ClassLink> links;
  for (std::int32_t a = 0; a < kClasses; ++a) {
    for (std::int32_t b = a + 1; b < kClasses; ++b) {
      const bool is_same = block_of_class[static_cast<std::size_t>(a)] == block_of_class[static_cast<std::size_t>(b)];
      links.push_back({a, b, (is_same ? 0.1 : 0.0) + 0.02 * random.uniform()});
    }
  }
  const std::vector<std::int32_t> order = cluster_order(links, kClasses);
  EXPECT_TRUE(forms_blocks(order, block_of_class));
  std::vector<std::int32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::int32_t k = 0; k < kClasses; ++k) EXPECT_EQ(sorted[static_cast<std::size_t>(k)], k);
}

TEST(ClusterOrder, TurnsClustersSoThatLinkedEndsMeet) {
  // 0-1 and 2-3 are pairs; between them 1 and 3 are linked.
  EXPECT_EQ(cluster_order({{0, 1, 1.0}, {2, 3, 0.9}, {1, 3, 0.1}}, 4), (std::vector<std::int32_t>{0, 1, 3, 2}));
}

TEST(ClusterOrder, PutsClassesWithoutLinksLast) {
  EXPECT_EQ(cluster_order({{2, 4, 0.5}}, 5), (std::vector<std::int32_t>{2, 4, 0, 1, 3}));
  EXPECT_EQ(cluster_order({}, 3), (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(ClusterOrder, OfTenThousandClassesTakesAMoment) {
  core::Random random{5};
  std::vector<ClassLink> links;
  for (std::int32_t k = 0; k < 10'000; ++k) {
    const auto other = static_cast<std::int32_t>(random.below(10'000));
    if (other > k) links.push_back({k, other, random.uniform()});
  }
  EXPECT_EQ(cluster_order(links, 10'000).size(), 10'000U);
}

TEST(ClassOrder, IsByNameOrBySize) {
  const data::Vocabulary vocabulary({"cat 10", "ant", "cat 9"});
  EXPECT_EQ(class_order(ClassOrder::kName, vocabulary, {1, 2, 3}, {}), (std::vector<std::int32_t>{1, 2, 0}));
  EXPECT_EQ(class_order(ClassOrder::kSize, vocabulary, {1, 2, 2}, {}), (std::vector<std::int32_t>{1, 2, 0}));
  EXPECT_EQ(class_order(ClassOrder::kVocab, vocabulary, {1, 2, 3}, {}), (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(ConfusionLinks, CountBothDirectionsAgainstTheImagesOfBoth) {
  const std::vector<std::int32_t> actual = {0, 0, 0, 1, 1, 2};
  const std::vector<std::int32_t> predicted = {1, 1, 0, 0, 1, 2};
  const std::vector<ClassLink> links = confusion_links(ConfusionMatrix(actual, predicted, 3));
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(links[0].a, 0);
  EXPECT_EQ(links[0].b, 1);
  EXPECT_DOUBLE_EQ(links[0].strength, 3.0 / 5);
}

TEST(ConfusionLinks, OfSeveralLabelsJoinWhatIsMissedWithWhatIsPredictedInstead) {
  const torch::Tensor logits = torch::tensor({{-1.0F, 1.0F, 1.0F}, {1.0F, 1.0F, -1.0F}});
  const torch::Tensor targets = torch::tensor({{1.0F, 0.0F, 1.0F}, {1.0F, 1.0F, 0.0F}});
  const JudgedImages images = judge_images(testing_support::kept_predictions(logits, targets));
  const std::vector<ClassLink> links = confusion_links(images, 3);
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(links[0].a, 0);
  EXPECT_EQ(links[0].b, 1);
  EXPECT_DOUBLE_EQ(links[0].strength, 1.0 / 3);
}

}  // namespace
}  // namespace margay::interpret
