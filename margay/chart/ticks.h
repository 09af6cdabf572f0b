#pragma once

#include <functional>
#include <string>
#include <vector>

#include "margay/chart/axis_range.h"

namespace margay::chart {

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
