#include "margay/data/transform/augment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/data/transform/warp.h"

namespace margay::data {
namespace {

/// A rectangle of whole pixels.
struct Crop {
  int left;
  int top;
  int width;
  int height;
};

/// The largest rectangle in the middle whose width / height lies within the bounds.
Crop centre_crop(int height, int width, double min_ratio, double max_ratio) {
  const double ratio = static_cast<double>(width) / height;
  const int crop_height = ratio < min_ratio ? std::max(1, static_cast<int>(width / min_ratio)) : height;
  const int crop_width = ratio > max_ratio ? std::max(1, static_cast<int>(height * max_ratio)) : width;
  return {(width - crop_width) / 2, (height - crop_height) / 2, crop_width, crop_height};
}

int draw_below(int bound, core::Random& random) {
  return static_cast<int>(random.below(static_cast<std::uint64_t>(bound)));
}

/// fastai's RandomResizedCropGPU: ten attempts, then the centre. fastai draws one crop for a whole batch
/// because its GPU slices the batch; one for each picture gives more variety at the same cost here.
Crop random_crop(int height, int width, const AugmentOptions& options, core::Random& random) {
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double area = random.uniform(options.min_scale, options.max_scale) * height * width;
    const double ratio = std::exp(random.uniform(std::log(options.min_ratio), std::log(options.max_ratio)));
    const int crop_width = std::max(1, static_cast<int>(std::lround(std::sqrt(area * ratio))));
    const int crop_height = std::max(1, static_cast<int>(std::lround(std::sqrt(area / ratio))));
    if (crop_width > width || crop_height > height) continue;
    const int top = draw_below(height - crop_height + 1, random);
    return {draw_below(width - crop_width + 1, random), top, crop_width, crop_height};
  }
  return centre_crop(height, width, options.min_ratio, options.max_ratio);
}

Matrix matrix_of(const Crop& crop, int size) {
  return translate(crop.left, crop.top) *
         scale(static_cast<double>(crop.width) / size, static_cast<double>(crop.height) / size);
}

void check_order(const char* what, double low, double high) {
  if (low <= high) return;
  throw std::invalid_argument(
      fmt::format("[augment] min_{0} must not exceed max_{0}, got {1} and {2}", what, low, high));
}

}  // namespace

Augment::Augment(AugmentOptions options) : options_(options) {
  core::validate(options_);
  check_order("scale", options_.min_scale, options_.max_scale);
  check_order("ratio", options_.min_ratio, options_.max_ratio);
}

Matrix Augment::draw(int height, int width, Phase phase, core::Random& random) const {
  if (height <= 0 || width <= 0) throw std::invalid_argument("[augment] the picture has no pixels");
  const bool is_random = phase == Phase::kTrain && options_.min_scale < 1;
  const Crop crop = is_random ? random_crop(height, width, options_, random) : centre_crop(height, width, 1, 1);
  const Matrix matrix = matrix_of(crop, options_.size);
  const bool flips = phase == Phase::kTrain && options_.do_flip && random.chance(0.5);
  return flips ? matrix * flip_horizontally(options_.size) : matrix;
}

void Augment::apply(const Image& image, const Matrix& matrix, const Normalization& normalization, float* out) const {
  warp_normalised(image, matrix, normalization, options_.size, options_.size, out);
}

Augment augment(AugmentOptions options) { return Augment(options); }

}  // namespace margay::data
