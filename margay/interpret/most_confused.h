#pragma once

#include <cstdint>
#include <vector>

#include "margay/interpret/confusion_matrix.h"
#include "margay/metric/interval.h"

namespace margay::interpret {

/// Images of one class that were predicted to be of another, and whether that is more than chance.
struct ConfusedPair {
  std::int32_t actual = 0;
  std::int32_t predicted = 0;
  std::int64_t count = 0;
  metric::Estimate share;  ///< count / images of the class `actual`
  /// Of the class's errors, if they fell on the other classes in proportion to how often each is predicted.
  double expected = 0;
  /// How often they would fall on this one at least `count` times: P(X ≥ count) of the binomial distribution.
  double p_value = 1;
  double p_holm = 1;  ///< the same among all pairs (metric::holm_adjusted)

  bool is_beyond_chance(double level = 0.05) const { return p_holm <= level; }
};

/// The pairs that are confused at least min_count times (fastai's min_val), the most frequent first.
///
/// The test of a pair (i, j): class i has E errors that went to other classes; if they went wherever predictions go,
/// each would go to j with probability C_j / Σ_{k≠i} C_k, where C is the column's total. Refused images are no such
/// errors. All pairs of classes with errors are tested, so Holm's correction counts all of them, also those below
/// min_count. With two classes there is one place to go, and p is 1.
std::vector<ConfusedPair> most_confused(const ConfusionMatrix& matrix, std::int64_t min_count = 1,
                                        double confidence = 0.95);

}  // namespace margay::interpret
