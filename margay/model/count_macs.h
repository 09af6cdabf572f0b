#pragma once

#include <cstdint>
#include <vector>

#include "margay/model/operator_watch.h"

namespace margay::model {

/// Multiply-adds of one operator from the shapes of its arguments: of convolutions, matrix products and attention
/// (softmax(q·kᵀ)·v, both products). 0 for every other, whatever it calls.
std::int64_t macs_of(const WatchedOperator& op);

/// Counts the multiply-adds of a network that is watched. Call it for every operator, inner ones too: what an operator
/// such as conv2d does not say itself is said by those that it calls.
class MacCounter {
 public:
  /// Returns the multiply-adds of the operator with all that it called.
  std::int64_t add(const WatchedOperator& op);

 private:
  std::vector<std::int64_t> finished_;  ///< by depth: of operators whose caller still runs
};

}  // namespace margay::model
