#include "margay/data/transform/erase.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace margay::data {
namespace {

struct Interval {
  int begin;
  int end;
};

/// An interval of about √area pixels anywhere within 0 … size.
Interval draw_interval(double area, int size, core::Random& random) {
  const int length = static_cast<int>(std::nearbyint(std::sqrt(area)));  // ties to even, as Python rounds
  const auto places = static_cast<std::uint64_t>(std::max(size - length, 0)) + 1;
  const int begin = static_cast<int>(random.below(places));
  return {begin, std::min(begin + length, size)};
}

Region draw_region(const EraseOptions& options, int size, double share_of, core::Random& random) {
  const double area = random.uniform(options.sl, options.sh) * share_of;
  const double limit = std::log(options.min_aspect);
  const double aspect = std::exp(random.uniform(limit, -limit));
  const Interval rows = draw_interval(area * aspect, size, random);
  const Interval columns = draw_interval(area / aspect, size, random);
  return {columns.begin, rows.begin, columns.end, rows.end};
}

}  // namespace

std::vector<Region> draw_erased(const EraseOptions& options, int size, core::Random& random) {
  const std::uint64_t count = 1 + random.below(static_cast<std::uint64_t>(options.max_count));
  std::vector<Region> regions(count);
  for (Region& region : regions) region = draw_region(options, size, double(size) * size / double(count), random);
  return regions;
}

std::vector<float> erasing_noise(const Region& region, std::uint64_t noise_key, std::size_t index) {
  core::Random random{noise_key, index};
  std::vector<float> noise(std::size_t{3} * static_cast<std::size_t>(region.bottom - region.top) *
                           static_cast<std::size_t>(region.right - region.left));
  for (std::size_t i = 0; i < noise.size(); i += 2) {  // Box, Muller, 1958: two normal numbers of two uniform ones
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    const double angle = 2 * std::numbers::pi * random.uniform();
    noise[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < noise.size()) noise[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return noise;
}

void erase(std::span<const Region> regions, std::uint64_t noise_key, int size, float* out) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    const std::vector<float> noise = erasing_noise(region, noise_key, i);
    const std::ptrdiff_t row = std::ptrdiff_t{3} * (region.right - region.left);
    for (int y = region.top; y < region.bottom; ++y) {
      std::copy_n(noise.data() + (y - region.top) * row, row,
                  out + std::ptrdiff_t{3} * (std::ptrdiff_t{y} * size + region.left));
    }
  }
}

}  // namespace margay::data
