#include "margay/metric/beta_binomial.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/metric/p_value.h"

namespace margay::metric {
namespace {

double log_factorial(std::int64_t n) {
  int sign = 0;  // std::lgamma writes it to a global
  return ::lgamma_r(static_cast<double>(n) + 1, &sign);
}

double log_binomial(std::int64_t n, std::int64_t k) {
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

/// log B(a, b)
double log_beta(std::int64_t a, std::int64_t b) {
  return log_factorial(a - 1) + log_factorial(b - 1) - log_factorial(a + b - 1);
}

void check_shape(std::int64_t a, std::int64_t b, double p) {
  if (a >= 1 && b >= 1 && p >= 0 && p <= 1) return;
  throw std::invalid_argument(
      fmt::format("[beta] expected whole parameters from 1 and p in [0, 1], got {}, {} and {}", a, b, p));
}

}  // namespace

double BetaBinomial::probability(std::int64_t x) const {
  check_shape(a, b, 0);
  if (x < 0 || x > trials) return 0;
  return std::exp(log_binomial(trials, x) + log_beta(x + a, trials - x + b) - log_beta(a, b));
}

std::int64_t BetaBinomial::quantile(double p) const {
  check_shape(a, b, p);
  double sum = probability(0);
  std::int64_t x = 0;
  while (x < trials && sum < p) sum += probability(++x);
  return x;
}

double beta_quantile(double p, std::int64_t a, std::int64_t b) {
  check_shape(a, b, p);
  if (p == 0 || p == 1) return p;
  double low = 0;
  double high = 1;
  while (high - low > 1e-12) {
    const double middle = (low + high) / 2;
    (incomplete_beta(static_cast<double>(a), static_cast<double>(b), middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace margay::metric
