#pragma once

#include "margay/train/lr_find/lr_find.h"

namespace margay::cli {

/// Sweeps the learning rate with a progress line. Throws core::Interrupted when a stop is wanted, and as lr_find; the
/// learner is in any case as before.
train::LrFindResult search_lr(train::Learner& learner, const train::LrSweepOptions& options = {});

/// What valley suggests. Throws core::Error when the curve has no valley.
double suggested_lr(train::Learner& learner);

}  // namespace margay::cli
