#include "margay/metric/interval.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/json_values.h"
#include "margay/metric/standard_error.h"

namespace margay::metric {

nlohmann::ordered_json to_json(const Estimate& estimate) {
  return {{"value", core::finite_or_null(estimate.value)},
          {"low", core::finite_or_null(estimate.interval.low)},
          {"high", core::finite_or_null(estimate.interval.high)}};
}

double normal_quantile_two_sided(double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument(fmt::format("[interval] confidence must lie between 0 and 1, got {}", confidence));
  }
  return student_quantile_two_sided(1 - confidence, std::numeric_limits<double>::infinity());
}

Interval wilson_interval(double successes, double n, double confidence) {
  const double z = normal_quantile_two_sided(confidence);
  if (!(successes >= 0 && successes <= n) || std::isinf(n)) {
    throw std::invalid_argument(
        fmt::format("[wilson_interval] expected 0 to {} successes of {} cases, got {}", n, n, successes));
  }
  if (n == 0) return {};
  const double share = successes / n;
  const double squared = z * z / n;
  const double centre = share + squared / 2;
  const double reach = z * std::sqrt(share * (1 - share) / n + squared / (4 * n));
  // At 0 and n the ends are exact; rounding would put them beside 0 and 1.
  return {.low = successes == 0 ? 0 : std::max(0.0, (centre - reach) / (1 + squared)),
          .high = successes == n ? 1 : std::min(1.0, (centre + reach) / (1 + squared))};
}

Estimate share_estimate(std::span<const double> is_success, std::span<const std::int64_t> groups, double confidence) {
  if (is_success.empty()) return {};
  const ClusteredMean share = clustered_mean(is_success, groups);
  Estimate estimate{.value = share.mean};
  if (share.groups < 2 && share.count > 1) return estimate;
  const auto cases = groups.empty() ? share.count : independent_cases(share);
  estimate.interval = wilson_interval(share.mean * static_cast<double>(cases), static_cast<double>(cases), confidence);
  return estimate;
}

}  // namespace margay::metric
