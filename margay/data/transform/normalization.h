#pragma once

#include <array>
#include <tuple>

#include "margay/core/imagenet.h"
#include "margay/core/options.h"

namespace margay::data {

/// Channels become (value / 255 - mean) / std, in RGB order.
struct Normalization {
  std::array<double, 3> mean = {0, 0, 0};
  std::array<double, 3> std = {1, 1, 1};

  static constexpr const char* kName = "normalization";
  static constexpr auto fields() {
    return std::tuple{
        core::field("mean", &Normalization::mean, "mean of each channel, 0 to 1: red,green,blue"),
        core::field("std", &Normalization::std, "standard deviation of each channel, 0 to 1: red,green,blue")};
  }
};

/// The statistics that ImageNet's pretrained networks expect.
inline Normalization imagenet_normalization() { return {core::kImagenetMean, core::kImagenetStd}; }

}  // namespace margay::data
