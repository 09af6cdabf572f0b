#pragma once

#include "margay/core/options.h"

namespace margay::chart {

/// The size of a chart's image.
struct ChartOptions {
  int width = 960;
  int height = 600;

  static const core::OptionTable& fields();
};

}  // namespace margay::chart
