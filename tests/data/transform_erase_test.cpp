#include "margay/data/transform/erase.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace margay::data {
namespace {

TEST(Erase, DrawsRectanglesOfTheAskedAreaWithinTheImage) {
  double largest = 0;
  double sum = 0;
  for (std::uint64_t item = 0; item < 3000; ++item) {
    core::Random random{3, item};
    const std::vector<Region> regions = draw_erased({.p_erase = 1}, 100, random);
    ASSERT_EQ(regions.size(), 1U);
    const Region& r = regions[0];
    ASSERT_TRUE(0 <= r.left && r.left <= r.right && r.right <= 100 && 0 <= r.top && r.top <= r.bottom &&
                r.bottom <= 100);
    const double share = (r.right - r.left) * (r.bottom - r.top) / 1e4;
    largest = std::max(largest, share);
    sum += share;
  }
  EXPECT_NEAR(largest, 0.3, 0.01);
  EXPECT_NEAR(sum / 3000, 0.15, 0.005);
}

TEST(Erase, SharesTheAreaAmongSeveral) {
  int several = 0;
  for (std::uint64_t item = 0; item < 300; ++item) {
    core::Random random{4, item};
    const std::vector<Region> regions = draw_erased({.p_erase = 1, .max_count = 3}, 100, random);
    several += regions.size() == 3 ? 1 : 0;
    for (const Region& r : regions) {
      EXPECT_LE((r.right - r.left) * (r.bottom - r.top), 0.3 * 1e4 / double(regions.size()) * 1.05 + 30);
    }
  }
  EXPECT_NEAR(several, 100, 30);
}

TEST(Erase, NoiseIsNormalAndAFunctionOfItsKey) {
  const Region region = {0, 0, 100, 100};
  const std::vector<float> noise = erasing_noise(region, 9, 0);
  EXPECT_EQ(noise, erasing_noise(region, 9, 0));
  EXPECT_NE(noise, erasing_noise(region, 9, 1));
  double sum = 0;
  double squares = 0;
  double beyond_two = 0;
  for (const float value : noise) {
    sum += value;
    squares += double(value) * value;
    beyond_two += std::abs(value) > 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / 30000, 0, 0.02);
  EXPECT_NEAR(squares / 30000, 1, 0.03);
  EXPECT_NEAR(beyond_two / 30000, 0.0455, 0.005);
}

TEST(Erase, WritesOnlyInsideTheRectangle) {
  std::vector<float> out(3 * 8 * 8, 7.0F);
  const Region region = {2, 3, 5, 4};
  erase(std::vector{region}, 1, 8, out.data());
  EXPECT_EQ(std::count(out.begin(), out.end(), 7.0F), 3 * (64 - 3));
  EXPECT_NE(out[3 * (3 * 8 + 2)], 7.0F);
  EXPECT_EQ(out[3 * (3 * 8 + 5)], 7.0F);
}

}  // namespace
}  // namespace margay::data
