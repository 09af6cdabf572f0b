#include "margay/data/transform/normalization.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

namespace margay::data {

void ChannelStatistics::add(const core::Image& image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint64_t value = image.pixels[i + c];
      sums_[c] += value;
      squares_[c] += value * value;
    }
  }
  count_ += static_cast<std::int64_t>(image.pixels.size() / 3);
}

void ChannelStatistics::merge(const ChannelStatistics& other) {
  count_ += other.count_;
  for (std::size_t c = 0; c < 3; ++c) {
    sums_[c] += other.sums_[c];
    squares_[c] += other.squares_[c];
  }
}

void ChannelStatistics::require_pixels() const {
  if (count_ == 0) throw std::invalid_argument("[channel statistics] no image was added");
}

std::array<double, 3> ChannelStatistics::mean() const {
  require_pixels();
  std::array<double, 3> mean{};
  for (std::size_t c = 0; c < 3; ++c) mean[c] = static_cast<double>(sums_[c]) / static_cast<double>(count_) / 255;
  return mean;
}

std::array<double, 3> ChannelStatistics::std() const {
  const std::array<double, 3> means = mean();
  std::array<double, 3> std{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double square = static_cast<double>(squares_[c]) / static_cast<double>(count_) / (255.0 * 255.0);
    std[c] = std::sqrt(std::max(square - means[c] * means[c], 0.0));
  }
  return std;
}

Normalization ChannelStatistics::normalization() const {
  Normalization normalization = {mean(), std()};
  for (double& each : normalization.std) each = std::max(each, 1.0 / 255);
  return normalization;
}

}  // namespace margay::data
