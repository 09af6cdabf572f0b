#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/line_chart.h"

namespace margay::chart {

/// A short text for a number: integers below ten million in full, others rounded to three digits, numbers below a
/// hundredth with an exponent: "12345", "0.45", "1.2e-3".
std::string short_number(double number);

/// The spacing of ticks, mantissa * 10^exponent with a mantissa of 1, 2 or 5.
struct TickStep {
  int mantissa = 1;
  int exponent = 0;

  double size() const { return times(1); }
  /// The k-th multiple, as close to its decimal name as a double comes.
  double times(double k) const;
};

/// A multiple of the step, with as many decimals as the step needs. It has an exponent if the labels of an axis up to
/// `largest` would otherwise be long: "0.15", "20000", "1.5e-6".
std::string tick_label(double value, const TickStep& step, double largest);

/// The numbers an axis shows, low < high.
struct AxisRange {
  AxisScale scale = AxisScale::kLinear;
  double low = 0;
  double high = 1;

  /// The position of a number: 0 at low, 1 at high, outside 0 … 1 beyond them. The number must have one (has_place).
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

/// The axes of a chart: its own ends, or else those of the points that can be drawn (for y: between the ends of x) with
/// a margin. If all numbers are the same, there is room on both sides. Empty if there is nothing to draw.
std::optional<ChartRanges> ranges_of(const LineChart& chart, const Rim& rim);

/// A position on an axis and its label.
struct Tick {
  double value = 0;
  std::string label;
};

/// Round numbers between low and high, spaced by 1, 2 or 5 times a power of ten: at most `at_most` (3 or more), at
/// least one. Their labels have the same number of decimals; very large and very small ones look like "1.5e-6".
std::vector<Tick> linear_ticks(double low, double high, int at_most);

/// The powers of ten between low and high, or every second, fifth, … if there are more than `at_most`. For one or two
/// decades also their multiples by 2 and 5; for less than a decade linear ticks. 0 < low < high.
std::vector<Tick> log_ticks(double low, double high, int at_most);

/// Linear or logarithmic ticks, by the axis's scale.
std::vector<Tick> ticks_of(const AxisRange& range, int at_most);

/// The ticks without labels between the powers of ten, 2 … 9 times each; empty unless every power of ten has a tick.
std::vector<double> minor_ticks(const AxisRange& range, const std::vector<Tick>& ticks);

/// The length of a label along its axis, in any unit.
struct Extent1d {
  double begin = 0;
  double end = 0;
};

/// The ticks with the finest spacing, at most `at_most`, whose labels are at least `gap` apart; only the first if not
/// even three fit.
std::vector<Tick> fitting_ticks(const AxisRange& range, int at_most, double gap,
                                const std::function<Extent1d(const Tick&)>& extent_of);

}  // namespace margay::chart
