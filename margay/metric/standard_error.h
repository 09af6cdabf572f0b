#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

namespace margay::metric {

/// One standard error of a share among n independent cases, √(share (1 − share) / n) (binomial). NaN for n = 0. share:
/// 0 … 1; n: not negative; else std::invalid_argument. At a share of 0 or 1 the formula gives 0, which is too
/// optimistic: 3 / n is then a 95 % bound (Hanley and Lippman-Hand 1983).
double share_standard_error(double share, std::int64_t n);

/// The mean of repeats and how sure it is.
struct RepeatedMean {
  double mean = 0;
  double deviation = 0;       ///< of one repeat: the sample standard deviation (divisor k − 1)
  double standard_error = 0;  ///< of the mean: deviation / √k
  std::int64_t count = 0;     ///< k
};

/// Throws std::invalid_argument for fewer than two values.
RepeatedMean repeated_mean(std::span<const double> values);

/// The mean over cases that may come in groups of alike ones.
struct ClusteredMean {
  double mean = 0;
  /// The cluster-robust one (Liang and Zeger, "Longitudinal data analysis using generalized linear models", Biometrika
  /// 1986) with its correction for few groups: √(G / (G − 1) Σ_g (Σ_{i in g} (x_i − mean))²) / n. Where each case is a
  /// group this is the usual deviation / √n. NaN for one group.
  double standard_error = 0;
  std::int64_t count = 0;   ///< n
  std::int64_t groups = 0;  ///< G

  /// As compare_means takes it: its count is that of the groups, which alone are independent.
  RepeatedMean of_groups() const;
};

/// groups: one number a value, equal for values of one group; empty: each value is a group. Throws
/// std::invalid_argument for no values and for another number of groups than of values.
ClusteredMean clustered_mean(std::span<const double> values, std::span<const std::int64_t> groups = {});

/// How many independent cases tell as much about a share: the n of the binomial formula that gives its standard error,
/// at least 1 and at most `count` (Rao and Scott, "A simple method for the analysis of clustered binary data",
/// Biometrics 1992: n divided by the design effect). For a share of 0 or 1, whose standard error is 0, the number of
/// groups.
std::int64_t independent_cases(const ClusteredMean& share);

/// A difference b − a and its noise.
struct Difference {
  double value = 0;           ///< b − a
  double standard_error = 0;  ///< of `value`, assuming that there is no difference
  /// Degrees of freedom of Student's t; infinite: the normal distribution.
  double freedom = 0;
  /// |value| exceeds this in one of twenty comparisons of equals: the 97.5 % quantile times standard_error.
  double noise = 0;
  /// How often comparisons of equals give a |value| as large as this or larger, 0 … 1.
  double p_value = 1;

  bool is_beyond_noise() const { return std::abs(value) > noise; }
};

/// Compares two shares, each of its own n cases: the two-proportion z test with the pooled share. The test is unpaired:
/// where both shares come from the same cases, a paired test (McNemar) detects smaller differences. Throws
/// std::invalid_argument for shares outside [0, 1] and for no cases.
Difference compare_shares(double a, std::int64_t n_a, double b, std::int64_t n_b);

/// Compares two means of repeats whose spreads may differ: Welch's t test (1947), degrees of freedom by Satterthwaite.
/// Returns std::nullopt when neither has any spread, since there is no noise to compare with.
std::optional<Difference> compare_means(const RepeatedMean& a, const RepeatedMean& b);

/// Compares one more value b with the repeats a, assuming the same spread: t of k − 1 with the error deviation · √(1 +
/// 1/k). std::nullopt where the repeats have no spread.
std::optional<Difference> compare_with_one(const RepeatedMean& a, double b);

/// P(|T| ≥ |t|) of Student's t with `freedom` > 0, infinity included: the regularised incomplete beta function
/// I_x(freedom/2, 1/2) at x = freedom / (freedom + t²).
double student_two_sided(double t, double freedom);

/// The t with student_two_sided(t, freedom) = p; 0 < p < 1.
double student_quantile_two_sided(double p, double freedom);

}  // namespace margay::metric
