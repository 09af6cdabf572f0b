#pragma once

#include <functional>
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

}  // namespace margay::train
