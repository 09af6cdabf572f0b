#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

namespace margay::interpret {

struct OutlierOptions {
  std::int64_t neighbour = 5;  ///< which of the nearest images counts, 1 or more
  /// How often data without outliers has one all the same, 0 … 1.
  double level = 0.05;
};

/// An image far from all others.
struct Outlier {
  std::int64_t row = 0;
  double distance = 0;  ///< to its nearest images, in multiples of what is usual there; above 1
  double p_value = 0;   ///< of this image alone
};

struct Outliers {
  std::vector<Outlier> found;  ///< the farthest first
  std::string why_none;        ///< a sentence where nothing could be judged; "" otherwise
};

/// Images that are far from every other image, and so from every class.
///
/// With d the distance to the k-th nearest other image in features of length 1 (Sun et al., "Out-of-distribution
/// detection with deep nearest neighbors", ICML 2022, arXiv:2204.06507) the statistic of an image is r = log d − the
/// mean of log d over its k nearest images, so that a class that is more varied than others has no more outliers than
/// they (as the local outlier factor of Breunig, Kriegel, Ng and Sander, SIGMOD 2000). A d below the median counts as
/// the median there: the border of a dense group is no outlier.
///
/// Null hypothesis: r of all images comes from one distribution whose logarithm of P(r > x) is concave beyond its upper
/// quarter, as it is for normal, exponential, logistic and gamma distributions. An exponential through the quantiles
/// .75 and .95 then lies above that tail, so P(r > x) ≤ .05 exp(−(x − q.95) ln 5 / (q.95 − q.75)). Bonferroni: an image
/// is an outlier if N times that is at most `level`, which data without outliers reaches in at most so many of all
/// data sets, but for the error of the two quantiles. Outliers are one in twenty images at most; with more of them all
/// are usual.
///
/// features: floating [N,D], of images of which none is a copy of another. With fewer than 100 images there is no tail
/// to speak of, and none is found. Time N² D, memory 2 N D and some blocks. Throws std::invalid_argument for
/// other shapes, non-finite features and options out of range.
Outliers find_outliers(const torch::Tensor& features, const OutlierOptions& options = {});

}  // namespace margay::interpret
