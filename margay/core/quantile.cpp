#include "margay/core/quantile.h"

#include <algorithm>
#include <cstddef>

#include "margay/core/error.h"

namespace margay::core {

double sorted_quantile(std::span<const double> sorted, double share) {
  MARGAY_CHECK(!sorted.empty(), "of no values there is no quantile");
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return sorted_quantile(values, 0.5);
}

}  // namespace margay::core
