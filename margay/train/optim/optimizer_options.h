#pragma once

#include <array>
#include <optional>
#include <tuple>
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

  static constexpr const char* kName = "optimizer";
  static constexpr auto fields() {
    using O = OptimizerOptions;
    constexpr core::Range kDecay = {0, 1 - 1e-9};
    return std::tuple{
        core::field("kind", &O::kind, "adam, sgd, rmsprop, radam, lamb, lars, qhadam, lion or ranger"),
        core::field("wd", &O::wd, "weight decay; none on batch norms and biases", {0, 1}),
        core::field("decouple_wd", &O::decouple_wd, "decay the weights themselves (AdamW); otherwise L2: the gradient"),
        core::field("nesterov", &O::nesterov, "sgd: look ahead along the momentum"),
        core::field("sqr_mom", &O::sqr_mom, "decay of the average squared gradient (Adam's beta2)", kDecay),
        core::field("eps", &O::eps, "added to what the step is divided by", {0, 1}),
        core::field("avg_mom", &O::avg_mom, "lion: decay of the average gradient (its beta2); 0.99", kDecay),
        core::field("nu_1", &O::nu_1, "qhadam: share of the average in the direction; 0.7", {0, 1}),
        core::field("nu_2", &O::nu_2, "qhadam: share of the average in the divisor; 1", {0, 1}),
        core::field("trust_coeff", &O::trust_coeff, "lars: step of a layer, as a share of its norm; 0.02", {0, 1e3}),
        core::field("max_trust", &O::max_trust, "lamb, lars: a layer's rate / lr at most; 10 and 1", {0, 1e9}),
        core::field("lookahead", &O::lookahead, "steps between meetings with slow weights; ranger 6, others never",
                    {1, 1e6}),
        core::field("lookahead_alpha", &O::lookahead_alpha, "share of the way that slow weights then go; 0.5", {0, 1})};
  }
};

/// The same with every number that the kind has; the others stay absent.
/// Throws std::invalid_argument for a number out of range, and for an option that the kind does not have.
OptimizerOptions resolve(const OptimizerOptions& options);

}  // namespace margay::train
