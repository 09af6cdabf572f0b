#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace margay::chart {

/// The points of a curve that a drawing `columns` pixels wide can show, as positions in x and y, ascending: of the
/// points in each column the first, the lowest, the highest and the last, and the neighbours of the window on both
/// sides. A line through these covers the same pixels as one through all points, so that no spike is lost (M4: Jugel,
/// Jerzak, Hackenbroich, Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014). Of points that
/// are non-finite the first of each column stays, so that gaps stay.
/// x: ascending, finite; y: as long as x. low, high: the window, low < high. At most 5 * columns + 2 positions.
/// Throws std::invalid_argument for lengths that differ, an empty window and no columns.
std::vector<std::size_t> visible_points(std::span<const double> x, std::span<const double> y, double low, double high,
                                        std::size_t columns);

}  // namespace margay::chart
