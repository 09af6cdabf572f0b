#pragma once

#include <array>

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

}  // namespace margay::data
