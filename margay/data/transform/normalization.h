#pragma once

#include <array>
#include <cstdint>

#include "margay/core/image.h"
#include "margay/core/imagenet.h"
#include "margay/core/options.h"

namespace margay::data {

/// Channels become (value / 255 - mean) / std, in RGB order.
struct Normalization {
  std::array<double, 3> mean = {0, 0, 0};
  std::array<double, 3> std = {1, 1, 1};

  static const core::OptionTable& fields();
};

/// The statistics that ImageNet's pretrained networks expect.
inline Normalization imagenet_normalization() { return {core::kImagenetMean, core::kImagenetStd}; }

/// Mean and standard deviation of each channel over all pixels of the images added, for data that differs from
/// ImageNet. Sums are integers, so the order of images and of merging does not matter.
class ChannelStatistics {
 public:
  /// Each pixel counts once, so larger images count more.
  void add(const core::Image& image);
  /// Adds all the images that were added to `other`.
  void merge(const ChannelStatistics& other);

  /// The number of pixels so far.
  std::int64_t count() const { return count_; }
  /// In 0 … 1. Throws std::invalid_argument without pixels.
  std::array<double, 3> mean() const;
  /// Of the population, in 0 … 0.5. Throws std::invalid_argument without pixels.
  std::array<double, 3> std() const;
  /// Both. A channel that never changes gets std 1/255, so that dividing by it stays finite.
  Normalization normalization() const;

 private:
  void require_pixels() const;

  std::int64_t count_ = 0;
  std::array<std::uint64_t, 3> sums_ = {0, 0, 0};     ///< of bytes
  std::array<std::uint64_t, 3> squares_ = {0, 0, 0};  ///< of their squares; 64 bits hold 2.8e14 pixels
};

}  // namespace margay::data
