#pragma once

#include <cstddef>
#include <string>

#include "margay/chart/chart_text.h"

namespace margay::chart {

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
