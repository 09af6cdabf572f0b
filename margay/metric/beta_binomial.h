#pragma once

#include <cstdint>

namespace margay::metric {

/// The beta-binomial distribution with whole parameters: the number of successes among `trials` whose common
/// probability is drawn from Beta(a, b). In conformal prediction with n calibration scores and a p-value that is
/// refused up to rank k, the number of refused among m further exchangeable images without ties has this distribution
/// with a = k and b = n + 1 - k (Vovk, "Conditional validity of inductive conformal predictors", 2012; Angelopoulos and
/// Bates, arXiv:2107.07511, appendix C).
struct BetaBinomial {
  std::int64_t trials = 1;  ///< not negative
  std::int64_t a = 1;       ///< positive
  std::int64_t b = 1;       ///< positive

  /// P(X = x); 0 outside 0 … trials.
  double probability(std::int64_t x) const;
  /// The smallest x with P(X <= x) >= p; p: 0 … 1.
  std::int64_t quantile(double p) const;
};

/// The p quantile of Beta(a, b) for whole a, b >= 1, by the binomial sum I_x(a, b) = P(Binomial(a + b - 1, x) >= a) and
/// bisection, to 1e-12. p: 0 … 1. Throws std::invalid_argument for what is out of range.
double beta_quantile(double p, std::int64_t a, std::int64_t b);

}  // namespace margay::metric
