#include "margay/data/transform/crop.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace margay::data {
namespace {

int draw_below(int bound, core::Random& random) {
  return static_cast<int>(random.below(static_cast<std::uint64_t>(bound)));
}

}  // namespace

Crop centre_crop(int height, int width, double min_ratio, double max_ratio) {
  const double ratio = static_cast<double>(width) / height;
  const int crop_height = ratio < min_ratio ? std::max(1, static_cast<int>(width / min_ratio)) : height;
  const int crop_width = ratio > max_ratio ? std::max(1, static_cast<int>(height * max_ratio)) : width;
  return {(width - crop_width) / 2, (height - crop_height) / 2, crop_width, crop_height};
}

Crop random_crop(int height, int width, const CropLimits& limits, core::Random& random) {
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double area = random.uniform(limits.min_scale, limits.max_scale) * height * width;
    const double ratio = std::exp(random.uniform(std::log(limits.min_ratio), std::log(limits.max_ratio)));
    const int crop_width = std::max(1, static_cast<int>(std::lround(std::sqrt(area * ratio))));
    const int crop_height = std::max(1, static_cast<int>(std::lround(std::sqrt(area / ratio))));
    if (crop_width > width || crop_height > height) continue;
    const int top = draw_below(height - crop_height + 1, random);
    return {draw_below(width - crop_width + 1, random), top, crop_width, crop_height};
  }
  return centre_crop(height, width, limits.min_ratio, limits.max_ratio);
}

}  // namespace margay::data
