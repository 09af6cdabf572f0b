// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_RMSPROP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_RMSPROP_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_RMSPROP_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_RMSPROP_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/averages-inl.h"
#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// RMSProp (Tieleman, Hinton 2012), its momentum as fastai has it: not damped, and without correction at the start:
///
///     m = μ m + g        v = β v + (1 - β) g²        w = w - lr · m / (sqrt(v) + eps)
struct RMSProp {
  static constexpr Arrays kReads{.gradient = true, .avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true, .sqr_avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.avg *= s.momentum;
    x.avg += x.gradient;
    average_square(x, s);
    x.parameter -= s.lr * x.avg / (sqrt(x.sqr_avg) + s.eps);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
