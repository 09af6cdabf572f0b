#pragma once

#include <vector>

#include "margay/chart/chart_options.h"
#include "margay/chart/drawing.h"
#include "margay/chart/line_chart.h"

namespace margay::chart {

/// The charts below each other as shapes: titles, legends, grids, curves, marks. Throws std::invalid_argument, naming
/// `function`, without charts, for a wrong one (check_chart) and for options out of range.
Drawing chart_drawing(const char* function, const std::vector<LineChart>& charts, const ChartOptions& options);

}  // namespace margay::chart
