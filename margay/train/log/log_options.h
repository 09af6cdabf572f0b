#pragma once

#include <cstdint>
#include <tuple>

#include "margay/core/options.h"

namespace margay::train {

/// What the logs of single steps have in common.
struct LogOptions {
  std::int64_t log_every = 1;  ///< training steps between two that are written, at least 1

  static constexpr const char* kName = "log";
  static constexpr auto fields() {
    return std::tuple{core::field("log_every", &LogOptions::log_every,
                                  "write every such training step to steps.jsonl and to TensorBoard", {1, 1e9})};
  }
};

}  // namespace margay::train
