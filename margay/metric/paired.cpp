#include "margay/metric/paired.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

namespace margay::metric {
namespace {

/// P(X = k) of n fair coins; by logarithms, since 2^n overflows.
double coin_share(std::int64_t k, std::int64_t n) {
  const auto log_factorial = [](std::int64_t count) { return std::lgamma(static_cast<double>(count) + 1); };
  return std::exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) -
                  static_cast<double>(n) * std::numbers::ln2);
}

/// P(X ≤ k) of n fair coins.
double coin_share_up_to(std::int64_t k, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i <= k; ++i) sum += coin_share(i, n);
  return sum;
}

}  // namespace

McNemar mcnemar(std::int64_t only_first_errs, std::int64_t only_second_errs) {
  if (only_first_errs < 0 || only_second_errs < 0) {
    throw std::invalid_argument(
        fmt::format("[mcnemar] counts must not be negative, got {} and {}", only_first_errs, only_second_errs));
  }
  McNemar test{.only_first_errs = only_first_errs, .only_second_errs = only_second_errs};
  const std::int64_t n = only_first_errs + only_second_errs;
  const std::int64_t fewer = std::min(only_first_errs, only_second_errs);
  if (n == 0) return test;
  test.exact_p = std::min(1.0, 2 * coin_share_up_to(fewer, n));
  // As extreme as this one are both ends, or the middle alone, which is then one result.
  const double as_extreme = coin_share(fewer, n);
  test.mid_p = only_first_errs == only_second_errs ? 1 - as_extreme / 2 : test.exact_p - as_extreme;
  return test;
}

Estimate paired_share_difference(std::int64_t only_first_errs, std::int64_t only_second_errs, std::int64_t n,
                                 double confidence) {
  if (only_first_errs < 0 || only_second_errs < 0 || only_first_errs + only_second_errs > n) {
    throw std::invalid_argument(fmt::format("[paired_share_difference] {} and {} of {} cases are impossible",
                                            only_first_errs, only_second_errs, n));
  }
  const double z = normal_quantile_two_sided(confidence);
  if (n == 0) return {};
  const auto first = static_cast<double>(only_first_errs);
  const auto second = static_cast<double>(only_second_errs);
  const double difference = first - second;
  const double cases = static_cast<double>(n) + 2;
  const double half = z * std::sqrt(first + second + 1 - difference * difference / cases) / cases;
  return {.value = difference / static_cast<double>(n),
          .interval = {std::max(-1.0, difference / cases - half), std::min(1.0, difference / cases + half)}};
}

Difference paired_difference(std::span<const double> first, std::span<const double> second,
                             std::span<const std::int64_t> groups) {
  if (first.size() != second.size()) {
    throw std::invalid_argument(fmt::format("[paired_difference] the sets must be of the same cases, got {} and {}",
                                            first.size(), second.size()));
  }
  std::vector<double> differences(first.size());
  std::transform(second.begin(), second.end(), first.begin(), differences.begin(), std::minus<>());
  const ClusteredMean mean = clustered_mean(differences, groups);
  if (mean.groups < 2) throw std::invalid_argument("[paired_difference] needs two cases or groups of cases at least");
  Difference difference{
      .value = mean.mean, .standard_error = mean.standard_error, .freedom = static_cast<double>(mean.groups - 1)};
  if (mean.standard_error == 0) {
    difference.p_value = mean.mean == 0 ? 1 : 0;
    return difference;
  }
  difference.noise = student_quantile_two_sided(0.05, difference.freedom) * mean.standard_error;
  difference.p_value = student_two_sided(mean.mean / mean.standard_error, difference.freedom);
  return difference;
}

}  // namespace margay::metric
