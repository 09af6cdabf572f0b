#include "margay/data/cache/cached_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/data/image/resample.h"

namespace margay::data {
namespace {

/// To be raised when the same options make other pixels.
constexpr int kTransformsVersion = 2;

/// Whether the item is the largest square.
bool takes_a_square(const ResizeOptions& options) { return options.method == ResizeMethod::kCrop; }

/// The longest sensible shorter side of a kept image, pixels.
int kept_side(const ResizeOptions& options) {
  if (options.method == ResizeMethod::kRandomCrop) return std::numeric_limits<int>::max();
  return takes_a_square(options) ? options.size : 2 * options.size;
}

/// Where a length of the source ends up when the shorter side becomes `side`, to a whole pixel.
int scaled(int length, int shorter, int side) {
  return static_cast<int>(std::lround(static_cast<double>(length) * side / shorter));
}

/// A whole position 0 … room. It is rounded down in the source's pixels, as by Resize.
int place_in_source(double at, int room) { return static_cast<int>(at * room); }

void copy_square(const core::Image& from, int left, int top, int side, core::Image& out) {
  out.height = side;
  out.width = side;
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(side);
  out.pixels.resize(row_bytes * static_cast<std::size_t>(side));
  for (int y = 0; y < side; ++y) std::memcpy(out.row(y), from.row(top + y) + std::ptrdiff_t{3} * left, row_bytes);
}

}  // namespace

CachedImage to_cached(core::Image decoded, const ResizeOptions& options) {
  const int height = decoded.height;
  const int width = decoded.width;
  const int shorter = std::min(height, width);
  const int side = kept_side(options);
  if (shorter <= side) return {std::move(decoded), height, width};
  const Box whole = {0, 0, double(width), double(height)};
  return {resample(decoded, whole, scaled(height, shorter, side), scaled(width, shorter, side)), height, width};
}

void item_of_cached(const CachedImage& kept, const Resize& resize, Phase phase, core::Random& random,
                    core::Image& item) {
  if (!kept.is_presized() || !takes_a_square(resize.options())) {
    item = resize.apply(kept.image, phase, random);
    return;
  }
  const int size = resize.options().size;
  const int shorter = std::min(kept.source_height, kept.source_width);
  const double at_x = phase == Phase::kTrain ? random.uniform() : 0.5;  // as Resize draws
  const double at_y = phase == Phase::kTrain ? random.uniform() : 0.5;
  const int left = scaled(place_in_source(at_x, kept.source_width - shorter), shorter, size);
  const int top = scaled(place_in_source(at_y, kept.source_height - shorter), shorter, size);
  copy_square(kept.image, std::min(left, kept.image.width - size), std::min(top, kept.image.height - size), size, item);
}

std::string cached_transforms(const ResizeOptions& options, std::int64_t max_pixels) {
  return fmt::format("{} {} {}", kTransformsVersion, core::to_json(options).dump(), max_pixels);
}

}  // namespace margay::data
