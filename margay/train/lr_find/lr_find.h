#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/train/progress.h"
#include "margay/train/schedule/schedule.h"

namespace margay::train {

/// The measurements of a sweep over learning rates, in the order of its steps.
struct LrCurve {
  std::vector<double> lrs;     ///< positive, growing
  std::vector<double> losses;  ///< smoothed, one per rate
};

struct LrSweepOptions {
  double start_lr = 1e-7;
  double end_lr = 10;  ///< above start_lr
  std::int64_t num_it = 100;
  bool stop_div = true;

  static const core::OptionTable& fields();
};

/// The learning-rate range test: train while the rate grows exponentially, and watch the loss (Smith, "Cyclical
/// Learning Rates for Training Neural Networks", WACV 2017; steps, smoothing and stopping are those of fastai's
/// lr_find). The trained model is of no further use; its weights must be restored.
class LrSweep {
 public:
  /// Throws std::invalid_argument for options out of range, or when start_lr is not below end_lr.
  explicit LrSweep(const LrSweepOptions& options = {});

  /// start_lr·(end_lr/start_lr)^(step/num_it), for every group. step: from 0.
  double lr_at(std::int64_t step) const;
  /// Adds the unsmoothed training loss of a step and returns whether the sweep is over: after num_it steps, if the
  /// smoothed loss exceeds 4 times its lowest value (stop_div), or if the loss is not finite; that loss is left out of
  /// the curve. step: must be the number of previous calls, otherwise it throws std::invalid_argument.
  bool add(std::int64_t step, double loss);
  const LrCurve& curve() const { return curve_; }

 private:
  LrSweepOptions options_;
  Schedule schedule_;
  SmoothLoss smooth_loss_;
  double lowest_ = std::numeric_limits<double>::infinity();
  LrCurve curve_;
};

struct LrSuggestion {
  std::string name;
  double lr = 0;
  std::string rule;  ///< how it was found, as a phrase: "a tenth of …"
};

/// Learning rates that a sweep of `num_it` planned steps suggests: fastai's valley, slide, minimum and steep, in this
/// order and with its choices (2.7.13, callback/schedule.py). As in fastai, the first tenth of the planned steps, the
/// last 5 steps, and everything from the first NaN on are left out; comparisons are made in float32. A rule is absent
/// if it finds nothing: if too few steps are left (valley needs 3, slide 16, the others 2), or if the loss never falls
/// (all but slide). Throws std::invalid_argument unless there is one loss per rate and rates are positive and grow.
std::vector<LrSuggestion> lr_suggestions(const LrCurve& curve, std::int64_t num_it);

class Learner;

struct LrFindResult {
  LrCurve curve;
  std::vector<LrSuggestion> suggestions;
};

/// Called at every step with its number from 0, the rate, and the smoothed loss. An exception from it ends the sweep.
using LrFindListener = std::function<void(std::int64_t step, double lr, double smooth_loss)>;

/// Trains while the rate grows, records the loss, and restores model, optimizer, generators and history bit for bit,
/// however it ends (fastai's lr_find). Callbacks get no events. Frozen layers stay frozen. If an epoch is shorter than
/// the sweep, it is repeated with other draws. Processes of one group (Learner::set_group) sweep together, and all get
/// the same curve; std::invalid_argument, in all alike, where their options differ. Throws as LrSweep and Learner::fit,
/// and what the listener throws, which must be the same in all processes.
LrFindResult lr_find(Learner& learner, const LrSweepOptions& options = {}, const LrFindListener& on_step = {});

}  // namespace margay::train
