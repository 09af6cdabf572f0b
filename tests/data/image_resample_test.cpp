#include "margay/data/image/resample.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "tests/support/images.h"
#include "tests/support/simd_targets.h"

namespace margay::data {
namespace {

using testing_support::for_each_simd_target;
using testing_support::noise_image;

Box whole(const core::Image& image) { return {0, 0, double(image.width), double(image.height)}; }

/// The weight that output `out` of `size` gives source pixel `i`, not yet normalised; nothing outside [low, high).
double triangle(double low, double high, int size, int out, int i) {
  const double support = std::max((high - low) / size, 1.0);
  const double centre = low + (out + 0.5) * (high - low) / size;
  if (i < std::floor(low) || i >= std::ceil(high)) return 0;
  return std::max(0.0, 1.0 - std::abs(i + 0.5 - centre) / support);
}

/// The definition, without any cleverness: a weighted mean over the whole image.
double reference(const core::Image& image, const Box& box, int height, int width, int y, int x, int c) {
  double sum = 0;
  double weights = 0;
  for (int j = 0; j < image.height; ++j) {
    const double down = triangle(box.top, box.bottom, height, y, j);
    for (int i = 0; down > 0 && i < image.width; ++i) {
      const double weight = down * triangle(box.left, box.right, width, x, i);
      sum += weight * image.row(j)[3 * i + c];
      weights += weight;
    }
  }
  return sum / weights;
}

void expect_matches_reference(const core::Image& image, const Box& box, int height, int width) {
  constexpr double kTwoRoundings = 1.1;  // Pillow rounds between its two passes, and so do we
  const core::Image out = resample(image, box, height, width);
  ASSERT_EQ(out.height, height);
  ASSERT_EQ(out.width, width);
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < 3 * width; ++i) {
      ASSERT_NEAR(out.row(y)[i], reference(image, box, height, width, y, i / 3, i % 3), kTwoRoundings)
          << image.width << "x" << image.height << " -> " << width << "x" << height << " at " << i / 3 << "," << y;
    }
  }
}

TEST(Resample, IsATriangleFilterAtAnySizeOnEveryInstructionSet) {
  for_each_simd_target([] {
    core::Random random{3};
    const auto side = [&](int most) { return 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(most))); };
    for (int trial = 0; trial < 40; ++trial) {
      const core::Image image = noise_image(side(40), side(40), static_cast<std::uint64_t>(trial));
      const double left = random.uniform(0, image.width - 0.5);
      const double top = random.uniform(0, image.height - 0.5);
      const Box part = {left, top, random.uniform(left + 0.5, image.width), random.uniform(top + 0.5, image.height)};
      expect_matches_reference(image, trial % 2 == 0 ? whole(image) : part, side(50), side(50));
    }
  });
}

TEST(Resample, KeepsAnImageOfTheSameSize) {
  const core::Image image = noise_image(9, 13);
  EXPECT_EQ(resample(image, whole(image), 9, 13).pixels, image.pixels);
}

TEST(Resample, CutsOutABoxOfWholePixelsUnchanged) {
  const core::Image image = noise_image(9, 13);
  const core::Image part = resample(image, {2, 3, 7, 9}, 6, 5);
  for (int y = 0; y < 6; ++y) EXPECT_TRUE(std::equal(part.row(y), part.row(y) + 15, image.row(y + 3) + 6)) << y;
}

TEST(Resample, ReadsNothingOutsideTheBox) {
  core::Image image = noise_image(12, 12);
  const Box box = {3, 3, 9, 9};
  const core::Image before = resample(image, box, 20, 4);
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 12; ++x) {
      if (y < 3 || y >= 9 || x < 3 || x >= 9) image.row(y)[3 * x] ^= 0xFFU;
    }
  }
  EXPECT_EQ(resample(image, box, 20, 4).pixels, before.pixels);
}

TEST(Resample, KeepsAConstantImage) {
  core::Image image(31, 17);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{255});
  for (const int size : {1, 5, 64}) {
    const core::Image out = resample(image, whole(image), size, size + 3);
    EXPECT_EQ(std::count(out.pixels.begin(), out.pixels.end(), 255), std::ptrdiff_t(out.pixels.size())) << size;
  }
}

TEST(Resample, RefusesImpossibleRequests) {
  const core::Image image = noise_image(4, 4);
  EXPECT_THROW(resample(image, whole(image), 0, 4), std::invalid_argument);
  EXPECT_THROW(resample(image, {0, 0, 5, 4}, 4, 4), std::invalid_argument);
  EXPECT_THROW(resample(image, {2, 0, 2, 4}, 4, 4), std::invalid_argument);
  EXPECT_THROW(resample(image, {-1, 0, 2, 4}, 4, 4), std::invalid_argument);
  EXPECT_THROW(resample(core::Image(), {0, 0, 0, 0}, 4, 4), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
