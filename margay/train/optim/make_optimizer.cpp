#include "margay/train/optim/make_optimizer.h"

#include "margay/train/optim/rule_optimizer.h"

namespace margay::train {

std::unique_ptr<Optimizer> make_optimizer(const std::vector<model::ParameterGroup>& groups,
                                          const OptimizerOptions& options) {
  return std::make_unique<RuleOptimizer>(groups, options);
}

}  // namespace margay::train
