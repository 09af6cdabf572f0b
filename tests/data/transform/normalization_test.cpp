#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/data/transform/normalization.h"
#include "tests/support/image_samples.h"

namespace margay::data {
namespace {

using testing_support::noise_image;

TEST(ChannelStatistics, SolvedByHand) {
  core::Image image(1, 2);
  image.pixels = {0, 51, 7, 255, 153, 7};
  ChannelStatistics statistics;
  statistics.add(image);
  EXPECT_EQ(statistics.count(), 2);
  EXPECT_DOUBLE_EQ(statistics.mean()[0], 0.5);
  EXPECT_DOUBLE_EQ(statistics.std()[0], 0.5);
  EXPECT_DOUBLE_EQ(statistics.mean()[1], 0.4);
  EXPECT_NEAR(statistics.std()[1], 0.2, 1e-15);
  EXPECT_NEAR(statistics.std()[2], 0, 1e-9);
}

TEST(ChannelStatistics, DoNotDependOnOrderOrMerging) {
  ChannelStatistics all;
  ChannelStatistics first;
  ChannelStatistics second;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const core::Image image = noise_image(5 + int(i), 9, i);
    all.add(image);
    (i % 2 == 0 ? second : first).add(image);
  }
  first.merge(second);
  EXPECT_EQ(first.count(), all.count());
  EXPECT_EQ(first.mean(), all.mean());
  EXPECT_EQ(first.std(), all.std());
}

TEST(ChannelStatistics, OfUniformBytesAreThoseOfTheUniformDistribution) {
  ChannelStatistics statistics;
  statistics.add(noise_image(200, 200));
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(statistics.mean()[c], 0.5, 0.01);
    EXPECT_NEAR(statistics.std()[c], 1 / std::sqrt(12), 0.01);
  }
}

TEST(ChannelStatistics, MakeANormalizationThatStaysFinite) {
  ChannelStatistics statistics;
  statistics.add(core::Image(3, 3));
  EXPECT_EQ(statistics.normalization().mean[0], 0);
  EXPECT_DOUBLE_EQ(statistics.normalization().std[0], 1.0 / 255);
}

TEST(ChannelStatistics, NeedAnImage) {
  EXPECT_THROW(ChannelStatistics().mean(), std::invalid_argument);
  EXPECT_THROW(ChannelStatistics().std(), std::invalid_argument);
}

}  // namespace

}  // namespace margay::data
