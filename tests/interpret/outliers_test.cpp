#include "margay/interpret/outliers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/probe_features.h"

namespace margay::interpret {
namespace {

using testing_support::Numbers;

/// Two classes, the second twice as varied as the first, without an outlier.
torch::Tensor two_clouds(std::uint64_t seed, std::int64_t images = 200) {
  Numbers numbers(seed);
  const torch::Tensor kind = (torch::arange(images) % 2).unsqueeze(1).to(torch::kFloat);
  return numbers.normal({images, 12}) * (1 + kind) * 0.3 +
         Numbers(3).normal({2, 12}).index_select(0, torch::arange(images) % 2) * 2;
}

TEST(Outliers, AreFoundInOneOfTwentyCleanSetsAtMost) {
  int sets = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) sets += find_outliers(two_clouds(seed)).found.empty() ? 0 : 1;
  EXPECT_LE(sets, 6);  // of 60 at a level of .05: 7 or more in less than 4 of 100 runs of this test
}

TEST(Outliers, AreTheImagesFarFromEveryClass) {
  torch::Tensor features = two_clouds(1);
  Numbers numbers(9);
  features[17] = -Numbers(3).normal({2, 12}).sum(0) * 3;
  features[60] = numbers.normal({12}) * 4;
  const Outliers outliers = find_outliers(features);
  ASSERT_EQ(outliers.found.size(), 2U);
  for (const Outlier& each : outliers.found) {
    EXPECT_TRUE(each.row == 17 || each.row == 60) << each.row;
    EXPECT_GT(each.distance, 1.5);
    EXPECT_LE(each.p_value * 200, 0.05);
  }
  EXPECT_LE(outliers.found[0].p_value, outliers.found[1].p_value);
}

TEST(Outliers, AreNotTheNeighboursOfADenseGroup) {
  torch::Tensor features = two_clouds(2);
  features.slice(0, 0, 20) = features[0].expand({20, 12}) + Numbers(5).normal({20, 12}) * 1e-4;
  EXPECT_TRUE(find_outliers(features).found.empty());
}

TEST(Outliers, OfAFewImagesAreNotGuessed) {
  const Outliers outliers = find_outliers(two_clouds(1, 60));
  EXPECT_TRUE(outliers.found.empty());
  EXPECT_EQ(outliers.why_none, "60 images are too few to tell which are unlike the others: it takes 100");
  EXPECT_NE(find_outliers(torch::ones({150, 4})).why_none, "");
}

TEST(Outliers, RefuseFeaturesThatAreNotFinite) {
  EXPECT_THROW(find_outliers(torch::full({120, 3}, std::numeric_limits<float>::infinity())), std::invalid_argument);
  EXPECT_THROW(find_outliers(torch::ones({120})), std::invalid_argument);
  EXPECT_THROW(find_outliers(torch::ones({120, 3}), {.neighbour = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
