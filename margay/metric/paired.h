#pragma once

#include <cstdint>
#include <span>

#include "margay/metric/interval.h"
#include "margay/metric/standard_error.h"

namespace margay::metric {

/// Two classifiers judged on the same cases, each right or wrong (McNemar, "Note on the sampling error of the
/// difference between correlated proportions or percentages", Psychometrika 1947). Only the cases on which they differ
/// tell which one is better.
struct McNemar {
  std::int64_t only_first_errs = 0;   ///< the first is wrong, the second right
  std::int64_t only_second_errs = 0;  ///< the other way round
  /// How often two equally good classifiers differ as much or more, by the exact binomial distribution, 0 … 1.
  double exact_p = 1;
  /// The same with half the weight for results as extreme as this one: close to its nominal level where the exact test,
  /// whose steps are coarse, is too cautious (Fagerland, Lydersen, Laake, "The McNemar test for binary matched-pairs
  /// data: mid-p and asymptotic are better than exact conditional", BMC Medical Research Methodology 2013).
  double mid_p = 1;
};

/// Throws std::invalid_argument for negative counts. Without any difference both p are 1.
McNemar mcnemar(std::int64_t only_first_errs, std::int64_t only_second_errs);

/// Second's share of right cases minus first's, on n cases that both judged, of which only_first_errs and
/// only_second_errs tell them apart. The value is the plain difference; the interval is Agresti and Min's ("Simple
/// improved confidence intervals for comparing matched proportions", Statistics in Medicine 2005), Wald's with half a
/// case added to each of the four counts: with N = n + 2, b and c the counts plus ½,
///     (b − c) / N ± z √(b + c − (b − c)² / N) / N
/// It has width also where no case tells them apart. The value of no cases is NaN, and its interval is not known.
/// Throws std::invalid_argument for negative counts, more than n, and unless 0 < confidence < 1.
Estimate paired_share_difference(std::int64_t only_first_errs, std::int64_t only_second_errs, std::int64_t n,
                                 double confidence = 0.95);

/// The mean of second − first over cases that both judge, and its noise: Student's t of the differences, with their
/// clustered standard error (clustered_mean) where cases come in groups; G − 1 degrees of freedom. A standard error of
/// 0 makes every difference one beyond noise. groups: as for clustered_mean. Throws std::invalid_argument for sets of
/// different sizes, for fewer than two groups, and as clustered_mean.
Difference paired_difference(std::span<const double> first, std::span<const double> second,
                             std::span<const std::int64_t> groups = {});

}  // namespace margay::metric
