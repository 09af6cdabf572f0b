#pragma once

#include <cstdint>
#include <limits>

#include "margay/core/options.h"
#include "margay/train/lr_find/lr_curve.h"
#include "margay/train/schedule/schedule.h"
#include "margay/train/smooth_loss.h"

namespace margay::train {

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

}  // namespace margay::train
