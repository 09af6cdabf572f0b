#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "margay/train/lr_find/lr_curve.h"
#include "margay/train/lr_find/lr_suggestions.h"
#include "margay/train/lr_find/lr_sweep.h"

namespace margay::train {

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
