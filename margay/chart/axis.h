#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/line_chart.h"

namespace margay::chart {

/// A number in few characters: whole ones below ten million in full, others rounded to three digits, those below a
/// hundredth as learning rates are written: "12345", "0.45", "1.2e-3".
std::string short_number(double number);

/// The spacing of ticks, mantissa * 10^exponent with a mantissa of 1, 2 or 5.
struct TickStep {
  int mantissa = 1;
  int exponent = 0;

  double size() const { return times(1); }
  /// The k-th multiple, as close to its decimal name as a double comes.
  double times(double k) const;
};

/// A multiple of the step with the decimals the step needs; written with an exponent where the ticks of an axis whose
/// largest number is `largest` would be long otherwise: "0.15", "20000", "1.5e-6".
std::string tick_label(double value, const TickStep& step, double largest);

/// The numbers an axis shows, low < high.
struct AxisRange {
  AxisScale scale = AxisScale::kLinear;
  double low = 0;
  double high = 1;

  /// Where a number stands: 0 at low, 1 at high, beyond them outside 0 … 1. It must have a place (has_place).
  double place_of(double value) const;
};

struct ChartRanges {
  AxisRange x;
  AxisRange y;
};

/// Free room beyond the outermost numbers, as shares of the axis.
struct Rim {
  double x = 0;
  double y = 0;
};

/// The axes of a chart: its own ends, and where it has none, those of what can be drawn (for y: between the ends of x)
/// with the rim around it. Where all is one number, that number gets room on both sides. Empty when there is nothing
/// to draw.
std::optional<ChartRanges> ranges_of(const LineChart& chart, const Rim& rim);

/// A place on an axis and what is written there.
struct Tick {
  double value = 0;
  std::string label;
};

/// Round numbers between low and high, evenly spaced by 1, 2 or 5 times a power of ten: as many as fit into `at_most`
/// (3 or more), at least one. Their labels have the same number of decimals; very large and very small ones are written
/// as "1.5e-6".
std::vector<Tick> linear_ticks(double low, double high, int at_most);

/// The powers of ten between low and high, every second, fifth, … where there are more than `at_most`; within one or
/// two decades their 1, 2 and 5; within less, linear ticks. 0 < low < high.
std::vector<Tick> log_ticks(double low, double high, int at_most);

/// The kind that the axis's scale calls for.
std::vector<Tick> ticks_of(const AxisRange& range, int at_most);

/// The unlabelled places between the powers of ten, 2 … 9 of each; empty unless every power of ten has its tick.
std::vector<double> minor_ticks(const AxisRange& range, const std::vector<Tick>& ticks);

/// What a label covers along its axis, in any unit.
struct Extent1d {
  double begin = 0;
  double end = 0;
};

/// The ticks of the finest spacing, at most `at_most`, whose labels stay `gap` apart; where even three do not fit, only
/// the first.
std::vector<Tick> fitting_ticks(const AxisRange& range, int at_most, double gap,
                                const std::function<Extent1d(const Tick&)>& extent_of);

}  // namespace margay::chart
