#pragma once

#include <tuple>

#include "margay/core/options.h"

namespace margay::chart {

/// The size of a chart's picture.
struct ChartOptions {
  int width = 960;
  int height = 600;

  static constexpr const char* kName = "chart";
  static constexpr auto fields() {
    using O = ChartOptions;
    return std::tuple{core::field("width", &O::width, "width of the picture, pixels", {200, 10000}),
                      core::field("height", &O::height, "height of the picture, pixels", {150, 10000})};
  }
};

}  // namespace margay::chart
