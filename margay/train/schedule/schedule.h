#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace margay::train {

/// A hyperparameter as a pure function of progress, 0 (start) … 1 (end). Names and values are fastai's.
using Schedule = std::function<double(double)>;

/// start + p·(end - start)
Schedule sched_lin(double start, double end);
/// start + (1 + cos(π(1 - p)))·(end - start)/2: slow at both ends (Loshchilov, Hutter, "SGDR", 2016).
Schedule sched_cos(double start, double end);
/// start·(end/start)^p. Both must have the same sign and not be 0.
Schedule sched_exp(double start, double end);
/// start + p^power·(end - start)
Schedule sched_poly(double start, double end, double power);
/// Always `value`.
Schedule sched_no(double value);

/// Runs each schedule over its share of the progress, from 0 to 1 within it.
/// shares: positive, summing to 1 (within 1e-6); throws std::invalid_argument otherwise.
Schedule combine_scheds(std::vector<double> shares, std::vector<Schedule> schedules);

/// Cosine from `start` to `middle` over the first `pct` of progress, then to `end`.
Schedule combined_cos(double pct, double start, double middle, double end);

/// The hyperparameters of one step.
struct Hyper {
  std::vector<double> lrs;  ///< one per parameter group
  double momentum = 0.95;
};

/// Hyperparameters as a pure function of progress, 0 … 1.
using HyperSchedule = std::function<Hyper(double)>;

/// Momentum at the start, the peak of the learning rate, and the end (fastai's `moms`).
using Momentums = std::array<double, 3>;
inline constexpr Momentums kMomentums = {0.95, 0.85, 0.95};
/// The momentum of schedules that do not change it: Adam's first beta, as in fastai's fit, fit_flat_cos and fit_sgdr.
inline constexpr double kMomentum = 0.9;

/// `peak_lrs` times `factor` at every progress. The schedules below are special cases of it.
HyperSchedule shaped(std::vector<double> peak_lrs, Schedule factor, Schedule momentum = sched_no(kMomentum));

/// Constant rates and momentum (fastai's fit).
HyperSchedule constant(std::vector<double> lrs, double momentum = kMomentum);

struct OneCycleShape {
  double pct_start = 0.25;  ///< share of the run spent warming up
  double div = 25;          ///< the first rate is the peak / div
  double div_final = 1e5;   ///< the last rate is the peak / div_final
  Momentums moms = kMomentums;
};

/// Cosine up to the peaks and down, momentum the other way (Smith, Topin, "Super-convergence", 2017; fastai's
/// fit_one_cycle). Throws std::invalid_argument unless 0 < pct_start < 1 and the divisors are positive.
HyperSchedule one_cycle(std::vector<double> peak_lrs, const OneCycleShape& shape = {});

struct FlatCosShape {
  double pct_start = 0.75;      ///< share of the run at the peaks
  double div_final = 1e5;       ///< the last rate is the peak / div_final
  double momentum = kMomentum;  ///< all the time
};

/// At the peaks, then down along a cosine (fastai's fit_flat_cos). Throws std::invalid_argument unless
/// 0 < pct_start < 1 and div_final is positive.
HyperSchedule flat_cos(std::vector<double> peak_lrs, const FlatCosShape& shape = {});

struct SgdrShape {
  std::int64_t cycles = 2;      ///< at least 1
  std::int64_t cycle_len = 1;   ///< epochs of the first cycle, at least 1
  std::int64_t cycle_mult = 2;  ///< factor of the length of each further cycle, at least 1
  double momentum = kMomentum;  ///< all the time
};

/// Epochs of all cycles: cycle_len·(1 + cycle_mult + cycle_mult² + …). Throws std::invalid_argument for numbers below
/// 1, and for more than a million epochs.
std::int64_t sgdr_epochs(const SgdrShape& shape);

/// Cosines from the peaks to 0; each cycle begins with a jump back to the peaks (Loshchilov, Hutter, "SGDR: Stochastic
/// Gradient Descent with Warm Restarts", 2016; fastai's fit_sgdr). Progress is that of sgdr_epochs(shape) epochs;
/// throws as it does.
HyperSchedule sgdr(std::vector<double> peak_lrs, const SgdrShape& shape = {});

/// How rates grow during a warm-up.
enum class Ramp { kLinear, kCosine };

constexpr auto names(Ramp /*tag*/) {
  return std::array{std::pair{Ramp::kLinear, "linear"}, std::pair{Ramp::kCosine, "cosine"}};
}

struct WarmUpShape {
  double share = 0.05;  ///< of the run
  double div = 25;      ///< the first rate is the schedule's / div
  Ramp ramp = Ramp::kLinear;
};

/// Raises the rates to the start of `schedule` during the first `share` of the run and follows it during the rest
/// (Goyal et al., "Accurate, Large Minibatch SGD", 2017). Throws std::invalid_argument unless 0 < share < 1 and div is
/// positive.
HyperSchedule warm_up(HyperSchedule schedule, const WarmUpShape& shape = {});

}  // namespace margay::train
