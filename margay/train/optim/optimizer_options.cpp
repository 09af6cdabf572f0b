#include "margay/train/optim/optimizer_options.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {
namespace {

/// What the kind has, at fastai's defaults (of its function of that name); Lion at its paper's.
OptimizerOptions defaults_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return {};
    case OptimizerKind::kRmsprop:
      return {.sqr_mom = 0.99, .eps = 1e-8};
    case OptimizerKind::kLamb:
      return {.sqr_mom = 0.99, .eps = 1e-5, .max_trust = 10};
    case OptimizerKind::kLars:
      return {.eps = 1e-8, .trust_coeff = 0.02, .max_trust = 1};
    case OptimizerKind::kQhadam:
      return {.sqr_mom = 0.999, .eps = 1e-8, .nu_1 = 0.7, .nu_2 = 1.0};
    case OptimizerKind::kLion:
      return {.avg_mom = 0.99};
    case OptimizerKind::kRanger:
      return {.sqr_mom = 0.99, .eps = 1e-6, .lookahead = 6, .lookahead_alpha = 0.5};
    default:
      return {.sqr_mom = 0.99, .eps = 1e-5};
  }
}

/// Gives an optional field its default, which is absent where the kind has no such number.
void fill(const core::Field& field, OptimizerOptions& options, const OptimizerOptions& defaults) {
  const bool has_value = field.type->size(field.of(&options)) > 0;
  const bool has_default = field.type->size(field.of(&defaults)) > 0;
  if (has_value && !has_default) {
    throw std::invalid_argument(fmt::format("[optimizer] {} has no {}", core::to_text(options.kind), field.name));
  }
  if (!has_value) field.type->assign(field.of(&options), field.of(&defaults));
}

}  // namespace

OptimizerOptions resolve(const OptimizerOptions& options) {
  core::validate(options);
  if (options.nesterov && options.kind != OptimizerKind::kSgd) {
    throw std::invalid_argument(fmt::format("[optimizer] {} has no nesterov", core::to_text(options.kind)));
  }
  OptimizerOptions defaults = defaults_of(options.kind);
  if (options.lookahead) {  // every kind may have it
    defaults.lookahead = options.lookahead;
    defaults.lookahead_alpha = 0.5;
  }
  OptimizerOptions resolved = options;
  for (const core::Field& field : OptimizerOptions::fields()) {
    if (field.type->kind == core::FieldType::Kind::kOptional) fill(field, resolved, defaults);
  }
  return resolved;
}

const core::OptionTable& OptimizerOptions::fields() {
  using O = OptimizerOptions;
  constexpr core::Range kDecay = {0, 1 - 1e-9};
  static const core::OptionTable table(
      "optimizer",
      {core::field<&O::kind>("kind", "adam, sgd, rmsprop, radam, lamb, lars, qhadam, lion, ranger or muon"),
       core::field<&O::wd>("wd", "weight decay; none on batch norms and biases", {0, 1}),
       core::field<&O::decouple_wd>("decouple_wd", "decay the weights themselves (AdamW); otherwise L2: the gradient"),
       core::field<&O::nesterov>("nesterov", "sgd: look ahead along the momentum"),
       core::field<&O::sqr_mom>("sqr_mom", "decay of the average squared gradient (Adam's beta2)", kDecay),
       core::field<&O::eps>("eps", "added to what the step is divided by", {0, 1}),
       core::field<&O::avg_mom>("avg_mom", "lion: decay of the average gradient (its beta2); 0.99", kDecay),
       core::field<&O::nu_1>("nu_1", "qhadam: share of the average in the direction; 0.7", {0, 1}),
       core::field<&O::nu_2>("nu_2", "qhadam: share of the average in the divisor; 1", {0, 1}),
       core::field<&O::trust_coeff>("trust_coeff", "lars: step of a layer, as a share of its norm; 0.02", {0, 1e3}),
       core::field<&O::max_trust>("max_trust", "lamb, lars: a layer's rate / lr at most; 10 and 1", {0, 1e9}),
       core::field<&O::lookahead>("lookahead", "steps between meetings with slow weights; ranger 6, others never",
                                  {1, 1e6}),
       core::field<&O::lookahead_alpha>("lookahead_alpha", "share of the way that slow weights then go; 0.5", {0, 1}),
       core::field<&O::layer_decay>("layer_decay",
                                    "rate of each layer as a share of the next one's, 0.65 to 0.9 to fine-tune "
                                    "transformers and ConvNeXts; 1: the same rate for all",
                                    {1e-3, 1})});
  return table;
}

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
    case OptimizerKind::kMuon:  // of all but hidden matrices, whose rate RuleOptimizer gives back
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
