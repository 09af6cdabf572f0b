#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/train/optim/optimizer_options.h"

namespace margay::testing_support {

/// Every kind, and the variants that take another way through the code.
inline std::vector<train::OptimizerOptions> every_optimizer() {
  std::vector<train::OptimizerOptions> all;
  for (const auto& [kind, name] : names(train::OptimizerKind{})) {
    all.push_back({.kind = kind});
    all.push_back({.kind = kind, .wd = 0.1, .decouple_wd = false});
  }
  all.push_back({.kind = train::OptimizerKind::kSgd, .nesterov = true});
  all.push_back({.kind = train::OptimizerKind::kLion, .lookahead = 2, .lookahead_alpha = 0.8});
  return all;
}

inline std::string text_of(const train::OptimizerOptions& options) { return core::to_json(options).dump(); }

}  // namespace margay::testing_support
