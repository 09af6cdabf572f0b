#pragma once

#include <cstdint>
#include <limits>
#include <tuple>

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

  static constexpr const char* kName = "lr_find";
  static constexpr auto fields() {
    return std::tuple{
        core::field("start_lr", &LrSweepOptions::start_lr, "rate of the first step", {1e-12, 1e3}),
        core::field("end_lr", &LrSweepOptions::end_lr, "rate that one step more than num_it would have", {1e-12, 1e3}),
        core::field("num_it", &LrSweepOptions::num_it, "training steps", {6, 1e6}),
        core::field("stop_div", &LrSweepOptions::stop_div, "stop when the smoothed loss is 4 times its lowest")};
  }
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
