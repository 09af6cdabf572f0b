#pragma once

#include <array>
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

}  // namespace margay::train
