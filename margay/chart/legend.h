#pragma once

#include <cstddef>
#include <string>
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

/// Whether curves are drawn as Braille dots: a single curve, or several that have different colours.
bool is_dotted(const LineChart& chart, const TextChartOptions& options);

/// The character that draws the lines of a series if they are not Braille dots.
std::string character_of(std::size_t series, TextGlyphs glyphs);

/// The letter of a mark: a … z and A … Z without o and x, which may be curves, then '?'. index: 0 for the first mark
/// that can be drawn.
std::string letter_of(std::size_t index);

/// The names of curves, and those of marks with their letters. Rows have at most `room` columns, begin with `indent`
/// spaces, and end with a line break.
std::string text_legend(const LineChart& chart, const TextChartOptions& options, int indent, int room);

}  // namespace margay::chart
