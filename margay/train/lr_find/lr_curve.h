#pragma once

#include <vector>

namespace margay::train {

/// What a sweep over learning rates measured, in the order of its steps.
struct LrCurve {
  std::vector<double> lrs;     ///< positive, growing
  std::vector<double> losses;  ///< smoothed, one per rate
};

}  // namespace margay::train
