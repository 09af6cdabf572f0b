#pragma once

#include <string>
#include <vector>

#include "margay/chart/chart_options.h"
#include "margay/chart/line_chart.h"

namespace margay::chart {

/// The chart as an SVG document that also stands inside an HTML page as it is: no script, no font, nothing from
/// elsewhere; light or dark as the reader's system is; every word escaped, a name that is no UTF-8 mended. The mouse on
/// a curve or a mark is told its name. Throws std::invalid_argument for a wrong chart (check_chart) and for options out
/// of range.
std::string chart_svg(const LineChart& chart, const ChartOptions& options = {});

/// Several charts below each other in one image. Throws std::invalid_argument also without any.
std::string chart_svg(const std::vector<LineChart>& charts, const ChartOptions& options = {});

}  // namespace margay::chart
