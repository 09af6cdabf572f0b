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

/// What a sweep over learning rates measured, in the order of its steps.
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
/// lr_find). The model that trained is of no further use; its weights must be put back.
class LrSweep {
 public:
  /// Throws std::invalid_argument for options out of range, or when start_lr is not below end_lr.
  explicit LrSweep(const LrSweepOptions& options = {});

  /// start_lr·(end_lr/start_lr)^(step/num_it), for every group. step: from 0.
  double lr_at(std::int64_t step) const;
  /// Takes the training loss of a step, unsmoothed, and returns whether the sweep is over: after num_it steps, when the
  /// smoothed loss is more than 4 times its lowest (stop_div), or when the loss is no finite number, which is then left
  /// out of the curve. step: the number of calls before this one, or it throws std::invalid_argument.
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
  std::string rule;  ///< how it was found, as half a sentence: "a tenth of …"
};

/// Learning rates that a sweep of `num_it` planned steps suggests: fastai's valley, slide, minimum and steep, in this
/// order and with its choices (2.7.13, callback/schedule.py). As there, the first tenth of the planned steps and the
/// last 5 are left out, and everything from the first NaN on; comparisons are made in float32. A rule that has nothing
/// to say of the curve is absent: where too few steps are left (valley needs 3, slide 16, the others 2), or where the
/// loss never falls (all but slide). Throws std::invalid_argument unless there is one loss per rate and rates are
/// positive and grow.
std::vector<LrSuggestion> lr_suggestions(const LrCurve& curve, std::int64_t num_it);

class Learner;

struct LrFindResult {
  LrCurve curve;
  std::vector<LrSuggestion> suggestions;
};

/// Hears of every step: its number from 0, the rate, and the smoothed loss. What it throws ends the sweep.
using LrFindListener = std::function<void(std::int64_t step, double lr, double smooth_loss)>;

/// Trains while the rate grows, watches the loss, and puts model, optimizer, generators and history back bit for bit,
/// however it ends (fastai's lr_find). Callbacks hear nothing of it. Layers that are frozen stay so. An epoch that is
/// shorter than the sweep is begun again, with other draws. Throws as LrSweep, as Learner::fit, and what the listener
/// throws.
LrFindResult lr_find(Learner& learner, const LrSweepOptions& options = {}, const LrFindListener& on_step = {});

}  // namespace margay::train
