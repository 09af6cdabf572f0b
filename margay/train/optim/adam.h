#pragma once

#include <tuple>

#include "margay/core/options.h"
#include "margay/train/optim/rule_optimizer.h"

namespace margay::train {

struct AdamOptions {
  double sqr_mom = 0.99;
  double eps = 1e-5;
  double wd = 0.01;

  static constexpr const char* kName = "adam";
  static constexpr auto fields() {
    return std::tuple{core::field("sqr_mom", &AdamOptions::sqr_mom, "decay of the squared gradients", {0, 1}),
                      core::field("eps", &AdamOptions::eps, "added to the root of the squared gradients", {0, 1}),
                      core::field("wd", &AdamOptions::wd, "weight decay; none on batch norms and biases", {0, 1})};
  }
};

/// make_optimizer's Adam with decoupled weight decay, by its own name.
class Adam : public RuleOptimizer {
 public:
  explicit Adam(const std::vector<model::ParameterGroup>& groups, const AdamOptions& options = {})
      : RuleOptimizer(groups, {.wd = options.wd, .sqr_mom = options.sqr_mom, .eps = options.eps}) {}
};

}  // namespace margay::train
