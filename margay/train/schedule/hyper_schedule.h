#pragma once

#include <array>
#include <functional>
#include <vector>

namespace margay::train {

/// What an optimizer needs to know at one moment.
struct Hyper {
  std::vector<double> lrs;  ///< one per parameter group
  double momentum = 0.95;
};

/// Hyperparameters as a pure function of progress, 0 … 1.
using HyperSchedule = std::function<Hyper(double)>;

/// Momentum at the start, the peak of the learning rate, and the end (fastai's `moms`).
using Momentums = std::array<double, 3>;
inline constexpr Momentums kMomentums = {0.95, 0.85, 0.95};

/// Constant rates; momentum stays at its first value.
HyperSchedule constant(std::vector<double> lrs, double momentum = kMomentums[0]);

struct OneCycleShape {
  double pct_start = 0.25;  ///< share of the run spent warming up
  double div = 25;          ///< the first rate is the peak / div
  double div_final = 1e5;   ///< the last rate is the peak / div_final
  Momentums moms = kMomentums;
};

/// Cosine up to the peaks and down, momentum the other way (Smith, Topin, "Super-convergence", 2017; fastai's
/// fit_one_cycle). Throws std::invalid_argument unless 0 < pct_start < 1 and the divisors are positive.
HyperSchedule one_cycle(std::vector<double> peak_lrs, const OneCycleShape& shape = {});

}  // namespace margay::train
