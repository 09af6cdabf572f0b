#include "margay/metric/standard_error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "margay/metric/p_value.h"

namespace margay::metric {
namespace {

constexpr double kAllowedChance = 0.05;  // of calling equals different

void check_share(double share, std::int64_t n) {
  if (share >= 0 && share <= 1 && n >= 1) return;
  throw std::invalid_argument(
      fmt::format("[standard_error] expected a share in [0, 1] of at least one case, got {} of {}", share, n));
}

/// Of the deviations from the mean, one sum a group.
std::vector<double> group_sums(std::span<const double> values, std::span<const std::int64_t> groups, double mean) {
  std::vector<double> sums;
  if (groups.empty()) {
    for (const double value : values) sums.push_back(value - mean);
    return sums;
  }
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return groups[a] < groups[b]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || groups[order[i]] != groups[order[i - 1]]) sums.push_back(0);
    sums.back() += values[order[i]] - mean;
  }
  return sums;
}

Difference difference(double value, double standard_error, double freedom) {
  Difference result{.value = value, .standard_error = standard_error, .freedom = freedom};
  result.noise = standard_error * student_quantile_two_sided(kAllowedChance, freedom);
  result.p_value = value == 0 ? 1 : student_two_sided(value / standard_error, freedom);
  return result;
}

}  // namespace

double share_standard_error(double share, std::int64_t n) {
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  check_share(share, n);
  return std::sqrt(share * (1 - share) / static_cast<double>(n));
}

RepeatedMean repeated_mean(std::span<const double> values) {
  if (values.size() < 2) throw std::invalid_argument("[repeated_mean] one value has no spread; give two at least");
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = sum / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / (count - 1));
  return {.mean = mean,
          .deviation = deviation,
          .standard_error = deviation / std::sqrt(count),
          .count = static_cast<std::int64_t>(values.size())};
}

RepeatedMean ClusteredMean::of_groups() const {
  return {.mean = mean,
          .deviation = standard_error * std::sqrt(static_cast<double>(groups)),
          .standard_error = standard_error,
          .count = groups};
}

ClusteredMean clustered_mean(std::span<const double> values, std::span<const std::int64_t> groups) {
  if (values.empty()) throw std::invalid_argument("[clustered_mean] there are no values");
  if (!groups.empty() && groups.size() != values.size()) {
    throw std::invalid_argument(
        fmt::format("[clustered_mean] {} values have {} groups; give one each", values.size(), groups.size()));
  }
  const auto count = static_cast<double>(values.size());
  ClusteredMean result{.count = static_cast<std::int64_t>(values.size())};
  result.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double sum : group_sums(values, groups, result.mean)) {
    squares += sum * sum;
    ++result.groups;
  }
  const auto clusters = static_cast<double>(result.groups);
  const bool is_one = result.groups < 2;
  result.standard_error =
      is_one ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(squares * clusters / (clusters - 1)) / count;
  return result;
}

std::int64_t independent_cases(const ClusteredMean& share) {
  check_share(share.mean, share.count);
  const double variance = share.standard_error * share.standard_error;
  if (!(variance > 0)) return share.groups;
  const double cases = share.mean * (1 - share.mean) / variance;
  return std::clamp<std::int64_t>(std::llround(std::min(cases, static_cast<double>(share.count))), 1, share.count);
}

Difference compare_shares(double a, std::int64_t n_a, double b, std::int64_t n_b) {
  check_share(a, n_a);
  check_share(b, n_b);
  const auto cases_a = static_cast<double>(n_a);
  const auto cases_b = static_cast<double>(n_b);
  const double pooled = (a * cases_a + b * cases_b) / (cases_a + cases_b);
  const double error = std::sqrt(pooled * (1 - pooled) * (1 / cases_a + 1 / cases_b));
  return difference(b - a, error, std::numeric_limits<double>::infinity());
}

std::optional<Difference> compare_means(const RepeatedMean& a, const RepeatedMean& b) {
  const double variance_a = a.standard_error * a.standard_error;
  const double variance_b = b.standard_error * b.standard_error;
  const double variance = variance_a + variance_b;
  if (variance == 0) return std::nullopt;
  const double freedom = variance * variance /
                         (variance_a * variance_a / static_cast<double>(a.count - 1) +
                          variance_b * variance_b / static_cast<double>(b.count - 1));
  return difference(b.mean - a.mean, std::sqrt(variance), freedom);
}

std::optional<Difference> compare_with_one(const RepeatedMean& a, double b) {
  if (a.deviation == 0) return std::nullopt;
  const auto count = static_cast<double>(a.count);
  return difference(b - a.mean, a.deviation * std::sqrt(1 + 1 / count), count - 1);
}

double student_two_sided(double t, double freedom) {
  if (!(freedom > 0)) throw std::invalid_argument("[student] freedom must be positive");
  if (std::isinf(freedom)) return std::erfc(std::abs(t) / std::sqrt(2.0));
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double student_quantile_two_sided(double p, double freedom) {
  if (!(p > 0 && p < 1)) throw std::invalid_argument("[student] p must lie between 0 and 1");
  double high = 1;
  while (student_two_sided(high, freedom) > p) high *= 2;
  double low = 0;
  for (int halving = 0; halving < 100 && low < high; ++halving) {
    const double middle = (low + high) / 2;
    (student_two_sided(middle, freedom) > p ? low : high) = middle;
  }
  return high;
}

}  // namespace margay::metric
