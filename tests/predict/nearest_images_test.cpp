#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/predict/nearest_images.h"
#include "tests/support/thrown_message.h"

namespace margay::predict {
namespace {

using testing_support::thrown_message;

TEST(NearestImages, AreThoseOfTheSmallestAngleWhateverTheirLength) {
  const NearestImages images(torch::tensor({{0.0F, 1.0F}, {10.0F, 10.0F}, {2.0F, 0.0F}, {-1.0F, 0.0F}}));
  const auto near = images.nearest(torch::tensor({3.0F, 1.0F}), 3);
  ASSERT_EQ(near.size(), 3U);
  EXPECT_EQ(near[0].row, 2);
  EXPECT_NEAR(near[0].similarity, 3 / std::sqrt(10), 1e-6);
  EXPECT_EQ(near[1].row, 1);
  EXPECT_NEAR(near[1].similarity, 4 / std::sqrt(20), 1e-6);
  EXPECT_EQ(near[2].row, 0);
}

TEST(NearestImages, OfEqualSimilarityComeInTheirOrder) {
  const NearestImages images(torch::ones({4, 3}));
  const auto near = images.nearest(torch::ones({1, 3}), 10);
  ASSERT_EQ(near.size(), 4U);
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(near[static_cast<std::size_t>(i)].row, i);
}

TEST(NearestImages, AnImageWithoutFeaturesIsNearNothing) {
  const NearestImages images(torch::tensor({{0.0F, 0.0F}, {-1.0F, 0.0F}}));
  const auto near = images.nearest(torch::tensor({1.0F, 0.0F}), 1);
  EXPECT_EQ(near[0].row, 0);
  EXPECT_EQ(near[0].similarity, 0);
}

TEST(NearestImages, SayWhatDoesNotFit) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { NearestImages images(torch::ones({3})); }),
            "[NearestImages] features must be floating [N,D]");
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              NearestImages images(torch::full({1, 2}, NAN));
            }),
            "[NearestImages] features must be finite");
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              NearestImages(torch::ones({2, 3})).nearest(torch::ones({4}), 1);
            }),
            "[NearestImages] the image must have 3 features, got [4]");
  EXPECT_TRUE(NearestImages().nearest(torch::ones({4}), 1).empty());
}

}  // namespace
}  // namespace margay::predict
