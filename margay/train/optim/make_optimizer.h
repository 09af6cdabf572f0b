#pragma once

#include <memory>
#include <vector>

#include "margay/train/optim/optimizer.h"
#include "margay/train/optim/optimizer_options.h"

namespace margay::train {

/// The optimizer that the options describe, for these parameters.
/// Throws std::invalid_argument for an option that the kind does not have or a number out of range.
std::unique_ptr<Optimizer> make_optimizer(const std::vector<model::ParameterGroup>& groups,
                                          const OptimizerOptions& options = {});

}  // namespace margay::train
