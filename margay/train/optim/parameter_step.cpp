#include "margay/train/optim/parameter_step.h"

namespace margay::train {

std::vector<ParameterStep> meetings_of(const std::vector<ParameterStep>& steps, const OptimizerOptions& options) {
  std::vector<ParameterStep> meetings;
  if (!options.lookahead) return meetings;
  for (const ParameterStep& step : steps) {
    if (step.slot->steps % *options.lookahead != 0) continue;
    meetings.push_back({step.slot, step.gradient, {.alpha = *options.lookahead_alpha}});
  }
  return meetings;
}

}  // namespace margay::train
