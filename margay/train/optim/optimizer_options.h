#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "margay/core/options.h"

namespace margay::train {

/// The rules that optim/rules/ states, each with its formula and paper.
enum class OptimizerKind { kAdam, kSgd, kRmsprop, kRadam, kLamb, kLars, kQhadam, kLion, kRanger };

constexpr auto names(OptimizerKind /*tag*/) {
  return std::array{std::pair{OptimizerKind::kAdam, "adam"},       std::pair{OptimizerKind::kSgd, "sgd"},
                    std::pair{OptimizerKind::kRmsprop, "rmsprop"}, std::pair{OptimizerKind::kRadam, "radam"},
                    std::pair{OptimizerKind::kLamb, "lamb"},       std::pair{OptimizerKind::kLars, "lars"},
                    std::pair{OptimizerKind::kQhadam, "qhadam"},   std::pair{OptimizerKind::kLion, "lion"},
                    std::pair{OptimizerKind::kRanger, "ranger"}};
}

/// Which rule, and its numbers. What is absent is fastai's default for the rule (resolve); what a rule does not have
/// must be absent. The first momentum is not here: the schedule brings it with each step.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdam;
  double wd = 0.01;
  bool decouple_wd = true;
  bool nesterov = false;
  std::optional<double> sqr_mom;
  std::optional<double> eps;
  std::optional<double> avg_mom;
  std::optional<double> nu_1;
  std::optional<double> nu_2;
  std::optional<double> trust_coeff;
  std::optional<double> max_trust;
  std::optional<int> lookahead;
  std::optional<double> lookahead_alpha;

  static const core::OptionTable& fields();
};

/// The same with every number that the kind has; the others stay absent.
/// Throws std::invalid_argument for a number out of range, and for an option that the kind does not have.
OptimizerOptions resolve(const OptimizerOptions& options);

/// The numbers of one step of one parameter, as the formulas of optim/rules/ name them.
struct StepNumbers {
  double wd = 0;         ///< 0 for parameters that do not decay
  double keep = 1;       ///< decoupled decay: the parameter is first multiplied by 1 - lr·wd
  double l2 = 0;         ///< otherwise wd: so much of the parameter is added to its gradient
  double lr = 0;         ///< with the corrections that all elements share
  double momentum = 0;   ///< of the average gradient
  double sqr_mom = 0;    ///< of the average squared gradient
  double avg_scale = 1;  ///< 1 / (1 - momentum^steps), where lr does not hold it
  double sqr_scale = 1;  ///< 1 / (1 - sqr_mom^steps)
  double eps = 0;
  double adaptive = 1;       ///< RAdam: 0 while the variance is not known well enough
  double avg_share = 1;      ///< of the average in the direction (Nesterov, QHAdam)
  double own_share = 0;      ///< of the gradient itself
  double sqr_share = 1;      ///< of the average square in the divisor (QHAdam)
  double own_sqr_share = 0;  ///< of the gradient's own square
  double avg_mom = 0;        ///< Lion: of the average, after its use
  double alpha = 0;          ///< Lookahead: share of the way to the fast weights

  bool operator==(const StepNumbers&) const = default;
};

/// When and where a step is taken.
struct StepMoment {
  double lr;
  double momentum;
  std::int64_t steps;  ///< of this parameter, this one included: from 1
  bool decays;
};

/// options: resolved.
StepNumbers step_numbers(const OptimizerOptions& options, const StepMoment& moment);

/// What the first pass of LAMB and LARS adds up over a parameter.
struct SquareSums {
  double parameter = 0;  ///< of the (decayed) parameter
  double measured = 0;   ///< LAMB: of the direction; LARS: of the gradient
};

/// What LAMB and LARS multiply lr by: |w| / |direction| (You et al. 2019), and trust_coeff · |w| / (|g| + wd |w| + eps)
/// (You et al. 2017), max_trust at most. 1 where either norm is 0: a bias that begins at 0 must be able to leave it.
double trust_ratio(const OptimizerOptions& options, const StepNumbers& numbers, const SquareSums& sums);

}  // namespace margay::train
