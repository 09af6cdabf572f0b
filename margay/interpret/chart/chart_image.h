#pragma once

#include <vector>

#include "margay/data/image/image.h"
#include "margay/interpret/chart/chart_options.h"
#include "margay/interpret/chart/line_chart.h"

namespace margay::interpret {

/// The chart as a picture on white, uint8 [height,width,3], for data::write_png. Letters beyond ASCII are shown as '?';
/// chart_svg has them all. Throws std::invalid_argument for a wrong chart (check_chart) and for options out of range.
data::Image chart_image(const LineChart& chart, const ChartOptions& options = {});

/// Several charts below each other in one picture. Throws std::invalid_argument also without any.
data::Image chart_image(const std::vector<LineChart>& charts, const ChartOptions& options = {});

}  // namespace margay::interpret
