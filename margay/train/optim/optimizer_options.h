#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "margay/core/options.h"

namespace margay::train {

/// The update rules; optim/rules/ gives the formula and paper of each, optim/muon.h Muon's.
enum class OptimizerKind { kAdam, kSgd, kRmsprop, kRadam, kLamb, kLars, kQhadam, kLion, kRanger, kMuon };

constexpr auto names(OptimizerKind /*tag*/) {
  return std::array{std::pair{OptimizerKind::kAdam, "adam"},       std::pair{OptimizerKind::kSgd, "sgd"},
                    std::pair{OptimizerKind::kRmsprop, "rmsprop"}, std::pair{OptimizerKind::kRadam, "radam"},
                    std::pair{OptimizerKind::kLamb, "lamb"},       std::pair{OptimizerKind::kLars, "lars"},
                    std::pair{OptimizerKind::kQhadam, "qhadam"},   std::pair{OptimizerKind::kLion, "lion"},
                    std::pair{OptimizerKind::kRanger, "ranger"},   std::pair{OptimizerKind::kMuon, "muon"}};
}

/// The rule and its numbers. Absent numbers are fastai's defaults for the rule (resolve); numbers that a rule does not
/// have must be absent. The first momentum is not here, because the schedule gives it for each step.
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
  double layer_decay = 1;  ///< apply_layer_decay's

  static const core::OptionTable& fields();
};

/// The options with every number of the kind filled in; the others stay absent.
/// Throws std::invalid_argument for a number out of range, and for an option that the kind does not have.
OptimizerOptions resolve(const OptimizerOptions& options);

/// The numbers of one step of one parameter, as the formulas of optim/rules/ name them.
struct StepNumbers {
  double wd = 0;         ///< 0 for parameters that do not decay
  double keep = 1;       ///< decoupled decay: the parameter is first multiplied by 1 - lr·wd
  double l2 = 0;         ///< otherwise: l2 times the parameter is added to its gradient
  double lr = 0;         ///< including the corrections common to all elements
  double momentum = 0;   ///< of the average gradient
  double sqr_mom = 0;    ///< of the average squared gradient
  double avg_scale = 1;  ///< 1 / (1 - momentum^steps), if lr does not contain it
  double sqr_scale = 1;  ///< 1 / (1 - sqr_mom^steps)
  double eps = 0;
  double adaptive = 1;       ///< RAdam: 0 until the variance is known well enough
  double avg_share = 1;      ///< of the average in the direction (Nesterov, QHAdam)
  double own_share = 0;      ///< of the gradient itself
  double sqr_share = 1;      ///< of the average square in the divisor (QHAdam)
  double own_sqr_share = 0;  ///< of the gradient's own square
  double avg_mom = 0;        ///< Lion: of the average, after its use
  double alpha = 0;          ///< Lookahead: share of the way to the fast weights

  bool operator==(const StepNumbers&) const = default;
};

/// The number and kind of a step.
struct StepMoment {
  double lr;
  double momentum;
  std::int64_t steps;  ///< of this parameter, including this one: from 1
  bool decays;
};

/// options: resolved.
StepNumbers step_numbers(const OptimizerOptions& options, const StepMoment& moment);

/// The sums that the first pass of LAMB and LARS computes over a parameter.
struct SquareSums {
  double parameter = 0;  ///< of the (decayed) parameter
  double measured = 0;   ///< LAMB: of the direction; LARS: of the gradient
};

/// The factor that LAMB and LARS multiply lr by: |w| / |direction| (You et al. 2019), and trust_coeff · |w| / (|g| + wd
/// |w| + eps) (You et al. 2017), max_trust at most. 1 if either norm is 0, since a bias that starts at 0 must be able
/// to change.
double trust_ratio(const OptimizerOptions& options, const StepNumbers& numbers, const SquareSums& sums);

}  // namespace margay::train
