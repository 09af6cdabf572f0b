#pragma once

#include <vector>

#include "margay/chart/chart_options.h"
#include "margay/chart/line_chart.h"
#include "margay/core/image.h"

namespace margay::chart {

/// The chart as an image on white, uint8 [height,width,3], for data::write_png. Letters beyond ASCII are shown as '?';
/// chart_svg has them all. Throws std::invalid_argument for a wrong chart (check_chart) and for options out of range.
core::Image chart_image(const LineChart& chart, const ChartOptions& options = {});

/// Several charts below each other in one image. Throws std::invalid_argument also without any.
core::Image chart_image(const std::vector<LineChart>& charts, const ChartOptions& options = {});

}  // namespace margay::chart
