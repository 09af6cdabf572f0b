#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace margay::metric {

/// The regularised incomplete beta function I_x(a, b) (DLMF 8.17), the distribution function of Beta(a, b); a, b > 0.
/// By the continued fraction 8.17.22, with a relative error of about 1e-12 also far out in the lower tail.
double incomplete_beta(double a, double b, double x);

/// P(X ≥ successes) of a binomial X of n trials with probability p: I_p(successes, n − successes + 1). Throws
/// std::invalid_argument unless 0 ≤ p ≤ 1 and 0 ≤ n. 1 for successes ≤ 0, 0 for successes > n.
double binomial_at_least(std::int64_t successes, std::int64_t n, double p);

/// p-values of several tests, raised so that the chance of even one false alarm among all of them stays below the level
/// that each is compared with (Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
/// Statistics 1979): the i-th smallest becomes max_{j ≤ i} min(1, (m − j + 1) p_j). tests: m, where others were made
/// that are not listed, all with larger p; 0: as many as are listed. NaN is std::invalid_argument, and so are fewer
/// tests than p-values.
std::vector<double> holm_adjusted(std::span<const double> p_values, std::int64_t tests = 0);

}  // namespace margay::metric
