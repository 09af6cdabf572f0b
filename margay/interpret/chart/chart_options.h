#pragma once

#include "margay/core/options.h"

namespace margay::interpret {

/// The size of a chart's picture.
struct ChartOptions {
  int width = 960;
  int height = 600;

  static const core::OptionTable& fields();
};

}  // namespace margay::interpret
