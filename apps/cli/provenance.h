#pragma once

#include <nlohmann/json_fwd.hpp>

#include "apps/cli/data_flags.h"
#include "margay/train/learner.h"

namespace margay::cli {

/// What a model file says of its making: program, results, and under `data` how labels and split were found, so that
/// `margay evaluate` can find them again. results: those of the weights in the file; null before the first epoch.
nlohmann::ordered_json provenance(const DataOptions& data, const train::Learner& learner,
                                  const train::EpochRecord* results);

}  // namespace margay::cli
