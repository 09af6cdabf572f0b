#include "margay/metric/p_value.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::metric {
namespace {

/// The continued fraction of the incomplete beta function by the modified Lentz method (DLMF 8.17.22); converges fast
/// for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr int kMaxSteps = 10'000;
  constexpr double kTiny = 1e-300;
  const auto not_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / not_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= kMaxSteps; ++m) {
    double change = 1;
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 / not_zero(1 + term * d);
      c = not_zero(1 + term / c);
      change = c * d;
      fraction *= change;
    }
    if (std::abs(change - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return fraction;
}

double log_gamma(double x) {
  int sign = 0;  // std::lgamma writes it to a global
  return ::lgamma_r(x, &sign);
}

/// Positions of the p-values, the smallest first.
std::vector<std::size_t> ascending(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  return order;
}

void check_holm(std::span<const double> p_values, std::int64_t tests) {
  const auto given = static_cast<std::int64_t>(p_values.size());
  if (tests != 0 && tests < given) {
    throw std::invalid_argument(fmt::format("[holm_adjusted] {} p-values are more than {} tests", given, tests));
  }
  for (const double p : p_values) {
    if (!(p >= 0 && p <= 1)) {
      throw std::invalid_argument(fmt::format("[holm_adjusted] a p-value must lie in 0 … 1, got {}", p));
    }
  }
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front = log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x);
  const bool is_fast = x < (a + 1) / (a + b + 2);
  if (is_fast) return std::exp(log_front) * beta_fraction(a, b, x) / a;
  return 1 - std::exp(log_front) * beta_fraction(b, a, 1 - x) / b;
}

double binomial_at_least(std::int64_t successes, std::int64_t n, double p) {
  if (n < 0 || !(p >= 0 && p <= 1)) {
    throw std::invalid_argument(
        fmt::format("[binomial_at_least] needs trials ≥ 0 and a probability in 0 … 1, got {} and {}", n, p));
  }
  if (successes <= 0) return 1;
  if (successes > n) return 0;
  return incomplete_beta(static_cast<double>(successes), static_cast<double>(n - successes) + 1, p);
}

std::vector<double> holm_adjusted(std::span<const double> p_values, std::int64_t tests) {
  check_holm(p_values, tests);
  auto left = static_cast<double>(tests != 0 ? tests : static_cast<std::int64_t>(p_values.size()));
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (const std::size_t i : ascending(p_values)) {
    largest = std::max(largest, std::min(1.0, left * p_values[i]));
    adjusted[i] = largest;
    left -= 1;
  }
  return adjusted;
}

}  // namespace margay::metric
