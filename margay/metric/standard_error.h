#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

namespace margay::metric {

/// One standard error of a share among n independent cases, √(share (1 − share) / n) (binomial). NaN for
/// n = 0. share: 0 … 1; n: not negative; else std::invalid_argument. At a share of 0 or 1 the formula gives 0, which
/// says nothing: 3 / n is then a 95 % bound (Hanley and Lippman-Hand 1983).
double share_standard_error(double share, std::int64_t n);

/// The mean of repeats and how sure it is.
struct RepeatedMean {
  double mean = 0;
  double deviation = 0;       ///< of one repeat: the sample standard deviation, k − 1 below the sum
  double standard_error = 0;  ///< of the mean: deviation / √k
  std::int64_t count = 0;     ///< k
};

/// Throws std::invalid_argument for fewer than two values.
RepeatedMean repeated_mean(std::span<const double> values);

/// A difference b − a and the noise that it stands in.
struct Difference {
  double value = 0;           ///< b − a
  double standard_error = 0;  ///< of value, if there were no difference
  /// Degrees of freedom of Student's t; infinite: the normal distribution.
  double freedom = 0;
  /// What |value| exceeds in one of twenty comparisons of equals: the 97.5 % quantile times standard_error.
  double noise = 0;
  /// How often comparisons of equals give a |value| as large as this or larger, 0 … 1.
  double p_value = 1;

  bool is_beyond_noise() const { return std::abs(value) > noise; }
};

/// Two shares, each of its own n cases: the two-proportion z test with the pooled share. It is unpaired: where both
/// judge the same cases, one that looks at each case (McNemar) sees smaller differences. Throws std::invalid_argument
/// for shares outside [0, 1] and for no cases.
Difference compare_shares(double a, std::int64_t n_a, double b, std::int64_t n_b);

/// Two means of repeats whose spreads may differ: Welch's t test (1947), freedom by Satterthwaite. Without any spread
/// in either there is no noise to compare with, and std::nullopt comes back.
std::optional<Difference> compare_means(const RepeatedMean& a, const RepeatedMean& b);

/// One more value b against repeats a, supposing it has their spread: t of k − 1 with the error deviation · √(1 + 1/k).
/// std::nullopt where the repeats have no spread.
std::optional<Difference> compare_with_one(const RepeatedMean& a, double b);

/// P(|T| ≥ |t|) of Student's t with `freedom` > 0, infinity included: the regularised incomplete beta function
/// I_x(freedom/2, 1/2) at x = freedom / (freedom + t²).
double student_two_sided(double t, double freedom);

/// The t with student_two_sided(t, freedom) = p; 0 < p < 1.
double student_quantile_two_sided(double p, double freedom);

}  // namespace margay::metric
