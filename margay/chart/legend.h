#pragma once

#include <cstddef>
#include <vector>

#include "margay/chart/line_chart.h"

namespace margay::chart {

/// Entries first … end-1 of a list stand in one row.
struct LegendRow {
  std::size_t first = 0;
  std::size_t end = 0;
};

/// Fills rows with entries of these widths, in their order; an entry wider than the room has a row to itself.
std::vector<LegendRow> legend_rows(const std::vector<double>& widths, double room);

/// Which curves a legend names.
std::vector<std::size_t> named_series(const LineChart& chart);

/// The marks that can be drawn, as indices.
std::vector<std::size_t> drawable_marks(const LineChart& chart);

/// "valley 1.2e-3".
std::string mark_text(const ChartMark& mark);

}  // namespace margay::chart
