#pragma once

#include <cstdint>

#include "margay/core/options.h"

namespace margay::train {

struct FineTuneOptions {
  double base_lr = 2e-3;
  std::int64_t freeze_epochs = 1;
  double lr_mult = 100;
  double pct_start = 0.3;
  double div = 5;

  static const core::OptionTable& fields();
};

}  // namespace margay::train
