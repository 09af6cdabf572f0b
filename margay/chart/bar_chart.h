#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/chart/text_blocks.h"

namespace margay::chart {

/// An interval around a bar's end.
struct BarInterval {
  double low = 0;
  double high = 0;
};

/// A named number. One that is not finite has no bar, and is written as "n/a".
struct Bar {
  std::string name;
  double value = 0;
  std::optional<BarInterval> interval = {};
  std::string note = {};  ///< stands behind the number: "12 of 40"
};

/// Numbers as horizontal bars from 0, with their intervals: the recall of each class, the most confused pairs.
///
///     BarChart{.title = "Recall", .label = "share of the class, 95 % intervals", .high = 1,
///              .bars = {{"cat", 0.7, {{0.4, 0.9}}, "7 of 10"}}}
struct BarChart {
  std::string title;
  std::string label;           ///< what the numbers are
  std::optional<double> high;  ///< where the axis ends, above 0; unless given, at the largest number
  std::vector<Bar> bars;
  std::size_t left_out = 0;  ///< bars that are not shown; the drawing says how many
};

/// The bars as shapes, in columns beside each other where there are many. Numbers are written with three digits after
/// the point, or as integers where all are. Throws std::invalid_argument for negative numbers and ends of intervals,
/// and for a `high` that is not above 0. Without bars the drawing says "no data".
Drawing bar_drawing(const BarChart& chart);

/// The bars as text, a line each, of at most `columns` columns: name, bar, number, interval, note; in a narrow terminal
/// the note, the interval, then the bar are left out. Lines end as chart_text's do. Throws as bar_drawing, and for
/// options out of range.
std::string bar_text(const BarChart& chart, const TextBlockOptions& options = {});

}  // namespace margay::chart
