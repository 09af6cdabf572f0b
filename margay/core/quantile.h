#pragma once

#include <span>
#include <vector>

namespace margay::core {

/// The value below which a share of all lies, 0 … 1, interpolated linearly between two of them (definition 7 of Hyndman
/// and Fan 1996, as numpy's). sorted: ascending, at least one.
double sorted_quantile(std::span<const double> sorted, double share);

/// The middle of the values, or of the two in the middle. At least one.
double median(std::vector<double> values);

}  // namespace margay::core
