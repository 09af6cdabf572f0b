#include "margay/train/optim/optimizer_options.h"

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
      {core::field<&O::kind>("kind", "adam, sgd, rmsprop, radam, lamb, lars, qhadam, lion or ranger"),
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
       core::field<&O::lookahead_alpha>("lookahead_alpha", "share of the way that slow weights then go; 0.5", {0, 1})});
  return table;
}

}  // namespace margay::train
