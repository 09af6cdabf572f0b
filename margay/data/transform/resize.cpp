#include "margay/data/transform/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "margay/data/image/resample.h"

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

namespace {

/// The pixel of an axis that stands at a place beyond it; -1 for none.
int source_of(int at, int size, PadMode pad_mode) {
  if (at >= 0 && at < size) return at;
  if (pad_mode == PadMode::kZeros) return -1;
  if (pad_mode == PadMode::kBorder || size == 1) return std::clamp(at, 0, size - 1);
  const int period = 2 * (size - 1);
  const int rest = (at % period + period) % period;
  return std::min(rest, period - rest);
}

}  // namespace

core::Image crop_pad(const core::Image& image, const Crop& crop, PadMode pad_mode) {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[crop_pad] the image has no pixels");
  if (crop.height <= 0 || crop.width <= 0) throw std::invalid_argument("[crop_pad] the rectangle is empty");
  core::Image out(crop.height, crop.width);
  const int first = std::clamp(-crop.left, 0, crop.width);  // columns within the image are copied as one run
  const int last = std::clamp(image.width - crop.left, first, crop.width);
  for (int y = 0; y < crop.height; ++y) {
    const int from = source_of(crop.top + y, image.height, pad_mode);
    if (from < 0) continue;
    const std::uint8_t* row = image.row(from);
    std::uint8_t* to = out.row(y);
    const auto fill = [&](int begin, int end) {
      for (int x = begin; x < end; ++x) {
        const int column = source_of(crop.left + x, image.width, pad_mode);
        if (column >= 0) std::copy_n(row + std::ptrdiff_t{3} * column, 3, to + std::ptrdiff_t{3} * x);
      }
    };
    fill(0, first);
    if (first < last) {
      std::copy_n(row + std::ptrdiff_t{3} * (crop.left + first), std::ptrdiff_t{3} * (last - first),
                  to + std::ptrdiff_t{3} * first);
    }
    fill(last, crop.width);
  }
  return out;
}

namespace {

/// A crop within the image, at another size.
core::Image resized(const core::Image& image, const Crop& crop, int height, int width) {
  return resample(image, Box{crop.left, crop.top, crop.left + crop.width, crop.top + crop.height}, height, width);
}

/// The image for padding. Its padded square would take the longer side squared, so a very long image is shrunk
/// first. To 4096 pixels at least, 50 MB as a square: shrinking twice is not what Pillow does once.
core::Image bounded(const core::Image& image, int size) {
  const int longer = std::max(image.height, image.width);
  const int limit = std::max(4 * size, 4096);
  if (longer <= limit) return image;
  const auto side = [&](int length) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(length) * limit / longer)));
  };
  return resized(image, {0, 0, image.width, image.height}, side(image.height), side(image.width));
}

core::Image padded(const core::Image& image, const Crop& crop, PadMode pad_mode, int size) {
  const core::Image whole = crop_pad(image, crop, pad_mode);
  return resized(whole, {0, 0, whole.width, whole.height}, size, size);
}

/// fastai's RandomResizedCrop: for validation the middle of the whole image, squeezed and somewhat larger.
core::Image randomly_cropped(const core::Image& image, Phase phase, const ResizeOptions& options,
                             core::Random& random) {
  const int size = options.size;
  if (phase == Phase::kTrain) {
    const CropLimits limits = {options.min_scale, options.max_scale, options.min_ratio, options.max_ratio};
    return resized(image, random_crop(image.height, image.width, limits, random), size, size);
  }
  const int larger = size + static_cast<int>(std::ceil(size * options.val_xtra / 8)) * 8;
  const core::Image whole = resized(image, {0, 0, image.width, image.height}, larger, larger);
  return crop_pad(whole, {(larger - size) / 2, (larger - size) / 2, size, size}, PadMode::kZeros);
}

}  // namespace

Crop resize_window(ResizeMethod method, int height, int width, int out_height, int out_width, double at_x,
                   double at_y) {
  if (method == ResizeMethod::kSquish) return {0, 0, width, height};
  const double by_width = static_cast<double>(width) / out_width;
  const double by_height = static_cast<double>(height) / out_height;
  const double step = method == ResizeMethod::kPad ? std::max(by_width, by_height) : std::min(by_width, by_height);
  const int shown_width = std::max(1, static_cast<int>(step * out_width));
  const int shown_height = std::max(1, static_cast<int>(step * out_height));
  return {static_cast<int>(at_x * (width - shown_width)), static_cast<int>(at_y * (height - shown_height)), shown_width,
          shown_height};
}

Resize::Resize(ResizeOptions options) : options_(options) {
  core::validate(options_);
  if (options_.min_scale > options_.max_scale || options_.min_ratio > options_.max_ratio) {
    throw std::invalid_argument("[resize] a minimum of scale or ratio exceeds its maximum");
  }
}

core::Image Resize::apply(const core::Image& image, Phase phase, core::Random& random) const {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[resize] the image has no pixels");
  const int size = options_.size;
  if (options_.method == ResizeMethod::kRandomCrop) return randomly_cropped(image, phase, options_, random);
  if (options_.method == ResizeMethod::kSquish) return resized(image, {0, 0, image.width, image.height}, size, size);
  const double at_x = phase == Phase::kTrain ? random.uniform() : 0.5;  // x first, as in fastai
  const double at_y = phase == Phase::kTrain ? random.uniform() : 0.5;
  const auto window_of = [&](const core::Image& source) {
    return resize_window(options_.method, source.height, source.width, size, size, at_x, at_y);
  };
  if (options_.method == ResizeMethod::kCrop) return resized(image, window_of(image), size, size);
  const core::Image source = bounded(image, size);
  return padded(source, window_of(source), options_.pad_mode, size);
}

Resize resize(ResizeOptions options) { return Resize(options); }

const core::OptionTable& ResizeOptions::fields() {
  using R = ResizeOptions;
  static const core::OptionTable table(
      "resize", {core::field<&R::size>("size", "side of the square, pixels", {8, 8192}),
                 core::field<&R::method>("resize_method", "how images become square: crop, pad, squish or random_crop"),
                 core::field<&R::pad_mode>("resize_pad_mode", "pad: zeros, border or reflection"),
                 core::field<&R::min_scale>("resize_min_scale", "random_crop: share of the area at least", {0.01, 1}),
                 core::field<&R::max_scale>("resize_max_scale", "random_crop: share of the area at most", {0.01, 1}),
                 core::field<&R::min_ratio>("resize_min_ratio", "random_crop: width / height at least", {0.1, 10}),
                 core::field<&R::max_ratio>("resize_max_ratio", "random_crop: width / height at most", {0.1, 10}),
                 core::field<&R::val_xtra>(
                     "val_xtra", "random_crop: validation images are larger by this share, then cropped", {0, 1})});
  return table;
}

}  // namespace margay::data
