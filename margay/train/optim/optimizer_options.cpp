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

template <class T>
void fill(std::optional<T>& value, const std::optional<T>& by_default, const char* name, OptimizerKind kind) {
  if (value && !by_default) {
    throw std::invalid_argument(fmt::format("[optimizer] {} has no {}", core::to_text(kind), name));
  }
  if (!value) value = by_default;
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
  core::for_each_field<OptimizerOptions>([&](const auto& f) {
    auto& value = resolved.*(f.member);
    if constexpr (core::detail::IsOptional<std::decay_t<decltype(value)>>::value) {
      fill(value, defaults.*(f.member), f.name, options.kind);
    }
  });
  return resolved;
}

}  // namespace margay::train
