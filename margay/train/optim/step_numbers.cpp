#include "margay/train/optim/step_numbers.h"

#include <algorithm>
#include <cmath>

namespace margay::train {
namespace {

/// 1 / (1 - decay^steps): what an average that began at 0 lacks.
double debias(double decay, std::int64_t steps) { return 1 / (1 - std::pow(decay, static_cast<double>(steps))); }

/// Liu et al. 2019, algorithm 2: lr is multiplied by the rectification, or the divisor is left out.
void rectify(StepNumbers& numbers, std::int64_t steps) {
  const double power = std::pow(numbers.sqr_mom, static_cast<double>(steps));
  const double r_inf = 2 / (1 - numbers.sqr_mom) - 1;
  const double r = r_inf - 2 * static_cast<double>(steps) * power / (1 - power);
  numbers.adaptive = r > 5 ? 1 : 0;
  if (r > 5) numbers.lr *= std::sqrt((r - 4) * (r - 2) * r_inf / ((r_inf - 4) * (r_inf - 2) * r));
}

void add_rule(StepNumbers& numbers, const OptimizerOptions& options, std::int64_t steps) {
  const double avg_scale = debias(numbers.momentum, steps);
  switch (options.kind) {
    case OptimizerKind::kAdam:
      numbers.lr *= avg_scale;
      break;
    case OptimizerKind::kRadam:
    case OptimizerKind::kRanger:
      numbers.lr *= avg_scale;
      rectify(numbers, steps);
      break;
    case OptimizerKind::kLamb:
      numbers.avg_scale = avg_scale;
      break;
    case OptimizerKind::kQhadam:
      numbers.avg_share = *options.nu_1 * avg_scale;
      numbers.own_share = 1 - *options.nu_1;
      numbers.sqr_share = *options.nu_2 * numbers.sqr_scale;
      numbers.own_sqr_share = 1 - *options.nu_2;
      break;
    case OptimizerKind::kSgd:
      if (!options.nesterov) break;
      numbers.avg_share = numbers.momentum;
      numbers.own_share = 1;
      break;
    case OptimizerKind::kRmsprop:
    case OptimizerKind::kLars:
    case OptimizerKind::kLion:
      break;
  }
}

}  // namespace

StepNumbers step_numbers(const OptimizerOptions& options, const StepMoment& moment) {
  StepNumbers numbers;
  numbers.wd = moment.decays ? options.wd : 0;
  numbers.keep = options.decouple_wd ? 1 - moment.lr * numbers.wd : 1;
  numbers.l2 = options.decouple_wd ? 0 : numbers.wd;
  numbers.lr = moment.lr;
  numbers.momentum = moment.momentum;
  numbers.sqr_mom = options.sqr_mom.value_or(0);
  numbers.sqr_scale = debias(numbers.sqr_mom, moment.steps);
  numbers.eps = options.eps.value_or(0);
  numbers.avg_mom = options.avg_mom.value_or(0);
  add_rule(numbers, options, moment.steps);
  return numbers;
}

double trust_ratio(const OptimizerOptions& options, const StepNumbers& numbers, const SquareSums& sums) {
  const double weight = std::sqrt(sums.parameter);
  const double measured = std::sqrt(sums.measured);
  if (weight == 0 || measured == 0) return 1;
  const double ratio = options.kind == OptimizerKind::kLamb
                           ? weight / measured
                           : *options.trust_coeff * weight / (measured + weight * numbers.wd + numbers.eps);
  return std::min(ratio, *options.max_trust);
}

}  // namespace margay::train
