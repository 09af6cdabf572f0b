#pragma once

#include <cstdint>

#include "margay/core/options.h"

namespace margay::train {

/// What the logs of single steps have in common.
struct LogOptions {
  std::int64_t log_every = 1;  ///< training steps between two that are written, at least 1

  static const core::OptionTable& fields();
};

}  // namespace margay::train
