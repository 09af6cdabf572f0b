#include <cmath>

#include <gtest/gtest.h>

#include "margay/data/cache/cache_key.h"
#include "margay/data/cache/cached_image.h"

namespace margay::data {
namespace {

/// Red grows to the right, green downwards: where a pixel comes from can be read from it.
core::Image gradient(int height, int width) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.row(y)[3 * x] = static_cast<std::uint8_t>(255 * x / width);
      image.row(y)[3 * x + 1] = static_cast<std::uint8_t>(255 * y / height);
    }
  }
  return image;
}

double mean_difference(const core::Image& a, const core::Image& b) {
  if (a.pixels.size() != b.pixels.size()) return 255;
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

TEST(CachedImage, GivesTheItemOfEveryMethodOfResizing) {
  const core::Image image = gradient(300, 750);
  for (const auto& [method, name] : names(ResizeMethod{})) {
    const Resize resize({.size = 64, .method = method});
    for (const Phase phase : {Phase::kTrain, Phase::kValid}) {
      for (std::uint64_t key = 0; key < 5; ++key) {
        core::Random without{key};
        core::Random with{key};
        core::Image item;
        item_of_cached(to_cached(image, resize.options()), resize, phase, with, item);
        EXPECT_LT(mean_difference(item, resize.apply(image, phase, without)), 2) << name << " " << key;
      }
    }
  }
}

TEST(CacheKey, IsOfThePlaceNotOfTheWayItIsWritten) {
  EXPECT_EQ(cache_key("a/../b/x.png").path, cache_key(std::filesystem::current_path() / "b/x.png").path);
}

}  // namespace
}  // namespace margay::data
