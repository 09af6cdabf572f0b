#include "margay/data/image_pipeline.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/data/common_folder.h"

namespace margay::data {
namespace {

/// JPEGs may be decoded at a part of their size, as far as presizing cannot tell the difference. A random crop looks at
/// a small part of the image, so it needs all pixels.
ReadOptions reading_for(const Transforms& transforms, std::int64_t max_pixels, Decoding decoding) {
  const ResizeOptions& resize = transforms.resize;
  const bool is_whole = decoding == Decoding::kFull || resize.method == ResizeMethod::kRandomCrop;
  return {.max_pixels = max_pixels, .min_side = is_whole ? 0 : resize.size, .deep_bits = transforms.deep_bits};
}

const Transforms& checked(const Transforms& transforms) {
  check_transforms(transforms);
  return transforms;
}

}  // namespace

void check_transforms(const Transforms& transforms) {
  if (transforms.deep_bits < 8 || transforms.deep_bits > 16) {
    throw std::invalid_argument(fmt::format("[transforms] deep_bits must be 8 … 16, got {}", transforms.deep_bits));
  }
  const auto& [mean, std] = transforms.normalization;
  const auto is_float = [](double value) { return std::isfinite(static_cast<float>(value)); };
  for (std::size_t c = 0; c < mean.size(); ++c) {
    if (std[c] > 0 && is_float(std[c]) && is_float(1 / std[c]) && is_float(mean[c] / std[c])) continue;
    throw std::invalid_argument(fmt::format("[normalization] mean must be numbers and std above 0, got {} and {}",
                                            core::joined(mean, ", "), core::joined(std, ", ")));
  }
}

ImagePipeline::ImagePipeline(const Transforms& transforms, std::int64_t max_pixels, Decoding decoding)
    : transforms_(checked(transforms)),
      decoding_(decoding),
      read_options_(reading_for(transforms, max_pixels, decoding)),
      resize_(transforms.resize),
      augment_(transforms.augment) {}

core::Image ImagePipeline::read(const ImageSource& image) const { return read_image(image, read_options_); }

std::int64_t ImagePipeline::output_floats() const {
  return std::int64_t{3} * transforms_.augment.size * transforms_.augment.size;
}

core::Image ImagePipeline::item(const ImageSource& image, Phase phase, core::Random& random) const {
  const HeldImage whole = hold_image(image, read_options_);
  return resize_.apply(whole.image, phase, random);
}

void ImagePipeline::finish(const core::Image& item, Phase phase, core::Random& random, float* out) const {
  const AugmentDraw draw = augment_.draw(item.height, item.width, phase, random);
  augment_.apply(item, draw, transforms_.normalization, out);
}

void ImagePipeline::run(const ImageSource& image, Phase phase, core::Random random, float* out) const {
  finish(item(image, phase, random), phase, random, out);
}

CachedImage ImagePipeline::cacheable(const ImageSource& image) const {
  HeldImage whole = hold_image(image, read_options_);
  return to_cached(std::move(whole.image), transforms_.resize);
}

void ImagePipeline::item_of(const CachedImage& kept, Phase phase, core::Random& random, core::Image& item) const {
  item_of_cached(kept, resize_, phase, random, item);
}

const core::OptionTable& Transforms::fields() {
  static const core::OptionTable table(
      "transforms",
      {core::field<&Transforms::deep_bits>(
           "deep_bits",
           "how many of the 16 bits of PNG and TIFF samples hold data: 12 for the images of many cameras and "
           "microscopes, which else are nearly black",
           {8, 16}),
       core::field<&Transforms::resize>("resize", "per image: presizing"),
       core::field<&Transforms::augment>("augment", "per batch: one interpolation with all that was drawn"),
       core::field<&Transforms::normalization>("normalization", "per channel mean and std")});
  return table;
}

Normalization measure_normalization(const Dataset& dataset, const ImagePipeline& pipeline, std::size_t max_images) {
  if (max_images == 0) throw std::invalid_argument("[measure_normalization] max_images must be positive");
  const std::size_t count = std::min(dataset.size(), max_images);
  std::mutex mutex;
  ChannelStatistics all;
  core::for_each_index(count, [&](std::size_t i) {
    ChannelStatistics own;
    core::Random random{0};
    try {
      own.add(pipeline.item(dataset.image(i * dataset.size() / count), Phase::kValid, random));
    } catch (const core::DataError&) {  // the training will name it
    }
    const std::scoped_lock lock(mutex);
    all.merge(own);
  });
  if (all.count() > 0) return all.normalization();
  throw core::DataError(common_folder(dataset),
                        "no image can be read, so there are no statistics; `check_data` says what is wrong");
}

}  // namespace margay::data
