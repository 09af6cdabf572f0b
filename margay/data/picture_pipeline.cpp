#include "margay/data/picture_pipeline.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace margay::data {
namespace {

/// JPEGs may be decoded at a part of their size, as far as presizing cannot tell the difference. A random crop looks at
/// a small part of the picture, so it needs all pixels.
ReadOptions reading_for(const ResizeOptions& resize, std::int64_t max_pixels) {
  return {.max_pixels = max_pixels, .min_side = resize.method == ResizeMethod::kRandomCrop ? 0 : resize.size};
}

/// The recipe, once its normalisation is known to give numbers.
const Recipe& checked(const Recipe& recipe) {
  const auto& [mean, std] = recipe.normalization;
  const auto is_number = [](double value) { return std::isfinite(value); };
  const auto divides = [](double value) { return std::isfinite(value) && value > 0; };
  if (!std::all_of(mean.begin(), mean.end(), is_number) || !std::all_of(std.begin(), std.end(), divides)) {
    throw std::invalid_argument(fmt::format("[normalization] mean must be numbers and std above 0, got {} and {}",
                                            fmt::join(mean, ", "), fmt::join(std, ", ")));
  }
  return recipe;
}

}  // namespace

PicturePipeline::PicturePipeline(const Recipe& recipe, std::int64_t max_pixels)
    : recipe_(checked(recipe)),
      read_options_(reading_for(recipe.resize, max_pixels)),
      resize_(recipe.resize),
      augment_(recipe.augment) {}

Image PicturePipeline::read(const std::filesystem::path& path) const { return read_image(path, read_options_); }

std::int64_t PicturePipeline::output_floats() const {
  return std::int64_t{3} * recipe_.augment.size * recipe_.augment.size;
}

Image PicturePipeline::item(const std::filesystem::path& path, Phase phase, core::Random& random) const {
  return resize_.apply(read(path), phase, random);
}

void PicturePipeline::finish(const Image& item, Phase phase, core::Random& random, float* out) const {
  const AugmentDraw draw = augment_.draw(item.height, item.width, phase, random);
  augment_.apply(item, draw, recipe_.normalization, out);
}

void PicturePipeline::run(const std::filesystem::path& path, Phase phase, core::Random random, float* out) const {
  finish(item(path, phase, random), phase, random, out);
}

CachedPicture PicturePipeline::cacheable(const std::filesystem::path& path) const {
  return to_cached(read(path), recipe_.resize);
}

void PicturePipeline::item_of(const CachedPicture& kept, Phase phase, core::Random& random, Image& item) const {
  item_of_cached(kept, resize_, phase, random, item);
}

const core::OptionTable& Recipe::fields() {
  static const core::OptionTable table(
      "transforms", {core::field<&Recipe::resize>("resize", "per picture: presizing"),
                     core::field<&Recipe::augment>("augment", "per batch: one interpolation with all that was drawn"),
                     core::field<&Recipe::normalization>("normalization", "per channel mean and std")});
  return table;
}

}  // namespace margay::data
