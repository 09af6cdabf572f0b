#pragma once

#include <array>
#include <tuple>

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
inline Normalization imagenet_normalization() { return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}; }

}  // namespace margay::data
