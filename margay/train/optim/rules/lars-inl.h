// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_LARS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_LARS_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_LARS_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_LARS_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// LARS (You et al. 2017) as fastai's Larc: the rate of a layer follows the ratio of its norms, max_trust · lr at most,
/// and the momentum gathers gradients, not steps:
///
///     m = μ m + g        w = w - lr · min(trust_coeff · |w| / (|g| + wd |w| + eps), max_trust) · m
///
/// Two passes: the norms must be known before any element moves.
struct LarsMeasure {
  static constexpr Arrays kReads{.gradient = true};
  static constexpr Arrays kWrites{};

  template <class V>
  HWY_INLINE static V step(Values<V>& x, const StepNumbers& /*s*/) {
    return x.gradient;
  }
};

struct LarsStep {
  static constexpr Arrays kReads{.gradient = true, .avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.avg *= s.momentum;
    x.avg += x.gradient;
    x.parameter -= s.lr * (x.ratio * x.avg);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
