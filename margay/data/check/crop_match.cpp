#include "margay/data/check/crop_match.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "margay/data/image/resample.h"

namespace margay::data {
namespace {

constexpr int kCoarseSide = 24;
constexpr int kFineSide = 64;
constexpr double kSmallestCrop = 0.4;  // of the whole's sides

using Plane = CropDetails::Plane;

core::Image resized_to(const core::Image& image, int height, int width) {
  return resample(image, std::max(1, height), std::max(1, width));
}

/// The longer side at most so many pixels.
core::Image fitted_to(const core::Image& image, int side) {
  const double scale = static_cast<double>(side) / std::max(image.height, image.width);
  return resized_to(image, static_cast<int>(std::lround(image.height * scale)),
                    static_cast<int>(std::lround(image.width * scale)));
}

core::Image grey_of(core::Image image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    std::uint8_t* const rgb = image.pixels.data() + i;
    rgb[0] = rgb[1] = rgb[2] = static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
  }
  return image;
}

/// Sums over all that lies above and to the left: [H+1,W+1].
class IntegralPlane {
 public:
  template <class Value>
  IntegralPlane(int height, int width, Value&& value)
      : width_(width), sums_(static_cast<std::size_t>((height + 1) * (width + 1))) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) at(y + 1, x + 1) = value(y, x) + at(y, x + 1) + at(y + 1, x) - at(y, x);
    }
  }

  double sum(int top, int left, int bottom, int right) const {
    return at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
  }

 private:
  double& at(int y, int x) { return sums_[static_cast<std::size_t>(y * (width_ + 1) + x)]; }
  double at(int y, int x) const { return sums_[static_cast<std::size_t>(y * (width_ + 1) + x)]; }

  int width_;
  std::vector<double> sums_;
};

/// Brightness less the mean of the square around each pixel, of those that exist.
Plane details_of_image(const core::Image& grey, int reach) {
  const auto light = [&](int y, int x) {
    return static_cast<double>(grey.pixels[3 * static_cast<std::size_t>(y * grey.width + x)]);
  };
  const IntegralPlane sums(grey.height, grey.width, light);
  Plane plane{.height = grey.height, .width = grey.width, .values = {}};
  for (int y = 0; y < grey.height; ++y) {
    const int top = std::max(0, y - reach);
    const int bottom = std::min(grey.height, y + reach + 1);
    for (int x = 0; x < grey.width; ++x) {
      const int left = std::max(0, x - reach);
      const int right = std::min(grey.width, x + reach + 1);
      const double mean = sums.sum(top, left, bottom, right) / ((bottom - top) * (right - left));
      plane.values.push_back(static_cast<float>(light(y, x) - mean));
    }
  }
  return plane;
}

constexpr int kCoarseReach = 2;
constexpr int kFineReach = 4;

Plane mirrored_plane(Plane plane) {
  for (int y = 0; y < plane.height; ++y) {
    const auto begin = plane.values.begin() + y * plane.width;
    std::reverse(begin, begin + plane.width);
  }
  return plane;
}

/// The sum of the products where the part lies on the whole. Of a row every fourth product is added up by itself, which
/// compilers compute as vectors.
double product_at(const Plane& whole, const Plane& part, int top, int left) {
  constexpr int kLanes = 4;
  std::array<float, kLanes> sums{};
  float rest = 0;
  for (int y = 0; y < part.height; ++y) {
    const float* const a = whole.values.data() + (top + y) * whole.width + left;
    const float* const b = part.values.data() + y * part.width;
    int x = 0;
    for (; x + kLanes <= part.width; x += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        sums[static_cast<std::size_t>(lane)] += a[x + lane] * b[x + lane];
      }
    }
    for (; x < part.width; ++x) rest += a[x] * b[x];
  }
  return static_cast<double>(sums[0]) + sums[1] + sums[2] + sums[3] + rest;
}

/// The most that the part correlates with any place of the whole, in which it must fit.
double best_correlation(const Plane& whole, const Plane& part) {
  if (part.height > whole.height || part.width > whole.width) return -1;
  const IntegralPlane squares(whole.height, whole.width, [&](int y, int x) {
    const double value = whole.values[static_cast<std::size_t>(y * whole.width + x)];
    return value * value;
  });
  double own = 0;
  for (const float value : part.values) own += static_cast<double>(value) * value;
  double best = -1;
  for (int top = 0; top + part.height <= whole.height; ++top) {
    for (int left = 0; left + part.width <= whole.width; ++left) {
      const double product = product_at(whole, part, top, left);
      const double norm = own * squares.sum(top, left, top + part.height, left + part.width);
      if (norm > 0) best = std::max(best, product / std::sqrt(norm));
    }
  }
  return best;
}

/// The part's details at a size at which it shows so much of the whole's width, or height if that is the narrower fit.
Plane part_at(const CropDetails& part, const Plane& whole, double scale, int reach) {
  const core::Image& image = part.image();
  const double fit =
      std::min(static_cast<double>(whole.width) / image.width, static_cast<double>(whole.height) / image.height);
  return details_of_image(resized_to(image, static_cast<int>(std::lround(image.height * fit * scale)),
                                     static_cast<int>(std::lround(image.width * fit * scale))),
                          reach);
}

/// What the best of all places reaches in few images that are no copies: the fewer pixels, the more.
double chance_of(const Plane& part) {
  return std::max(0.4, 6 / std::sqrt(static_cast<double>(part.height) * part.width));
}

double share_of(const Plane& part, const Plane& whole) {
  return static_cast<double>(part.height) * part.width / (static_cast<double>(whole.height) * whole.width);
}

}  // namespace

CropDetails::CropDetails(const core::Image& image) {
  if (image.height < 1 || image.width < 1) throw std::invalid_argument("[crop_match] an image without pixels");
  image_ = grey_of(fitted_to(image, kFineSide));
  fine_ = details_of_image(image_, kFineReach);
  coarse_ = details_of_image(fitted_to(image_, kCoarseSide), kCoarseReach);
}

CropMatch match_crop(const CropDetails& whole, const CropDetails& part) {
  constexpr double kStep = 0.93;
  constexpr std::array kNearScales = {0.94, 0.97, 1.0, 1.03, 1.06};
  CropMatch promise;
  double scale_of_promise = 1;
  double excess = -1;  // of the promise over what chance gives
  for (double scale = 1; scale > kSmallestCrop; scale *= kStep) {
    const Plane small = part_at(part, whole.coarse(), scale, kCoarseReach);
    for (const bool is_mirrored : {false, true}) {
      const double correlation = best_correlation(whole.coarse(), is_mirrored ? mirrored_plane(small) : small);
      if (correlation - chance_of(small) <= excess) continue;
      excess = correlation - chance_of(small);
      promise = {.correlation = correlation, .share = share_of(small, whole.coarse()), .is_mirrored = is_mirrored};
      scale_of_promise = scale;
    }
  }
  if (excess < 0) return promise;
  CropMatch best{.correlation = -1, .share = promise.share, .is_mirrored = promise.is_mirrored};
  for (const double near : kNearScales) {
    const double scale = std::min(1.0, near * scale_of_promise);
    const Plane small = part_at(part, whole.fine(), scale, kFineReach);
    const double correlation = best_correlation(whole.fine(), promise.is_mirrored ? mirrored_plane(small) : small);
    if (correlation > best.correlation) {
      best.correlation = correlation;
      best.share = share_of(small, whole.fine());
    }
  }
  return best;
}

}  // namespace margay::data
