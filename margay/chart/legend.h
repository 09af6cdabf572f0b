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

/// Whether curves are Braille dots: one alone, or several told apart by colours.
bool is_dotted(const LineChart& chart, const TextChartOptions& options);

/// What the lines of a series are made of where they are not dotted.
std::string character_of(std::size_t series, TextGlyphs glyphs);

/// a … z and A … Z without o and x, which may be curves, then '?'. index: 0 for the first mark that can be drawn.
std::string letter_of(std::size_t index);

/// The curves that have names, and the marks by their letters; rows of at most `room` columns that begin with `indent`
/// spaces, each with a line break.
std::string text_legend(const LineChart& chart, const TextChartOptions& options, int indent, int room);

}  // namespace margay::chart
