#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include <nlohmann/json_fwd.hpp>

namespace margay::metric {

/// An interval that holds the true value with a chosen confidence; NaN where nothing is known.
struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();

  bool is_known() const { return !std::isnan(low) && !std::isnan(high); }
};

/// A number and how sure it is. The value is NaN where it is not defined (a share of no cases).
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = {};
};

/// {"value", "low", "high"}: null for each that is not known.
nlohmann::ordered_json to_json(const Estimate& estimate);

/// The z with P(|Z| ≤ z) = confidence of a standard normal Z: 1.96 for .95. 0 < confidence < 1, else
/// std::invalid_argument.
double normal_quantile_two_sided(double confidence);

/// Wilson's score interval of a share (Wilson, "Probable inference, the law of succession, and statistical inference",
/// JASA 1927; recommended by Brown, Cai, DasGupta, "Interval estimation for a binomial proportion", Statistical Science
/// 2001). With p = successes / n and z the normal quantile:
///     (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n)
/// It has width also where p is 0 or 1. n need not be whole (an effective number of cases). Unknown for n = 0. Throws
/// std::invalid_argument unless 0 ≤ successes ≤ n and 0 < confidence < 1.
Interval wilson_interval(double successes, double n, double confidence = 0.95);

/// A share of cases that may come in groups, with Wilson's interval for as many independent cases as tell as much
/// (independent_cases: n divided by the design effect). is_success: 0 or 1 a case; groups: as for clustered_mean. Cases
/// of one group alone have no known interval. The value of no cases is NaN.
Estimate share_estimate(std::span<const double> is_success, std::span<const std::int64_t> groups = {},
                        double confidence = 0.95);

}  // namespace margay::metric
