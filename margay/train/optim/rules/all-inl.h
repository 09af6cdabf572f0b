// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_ALL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_ALL_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_ALL_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_ALL_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/adam-inl.h"
#include "margay/train/optim/rules/sgd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// Applied before every rule: weight decay on the parameter itself, or on its gradient (Loshchilov, Hutter 2017).
template <class Rule, class V>
HWY_INLINE void decay(Values<V>& x, const StepNumbers& s) {
  x.parameter *= s.keep;
  if constexpr (Rule::kReads.gradient) x.gradient += s.l2 * x.parameter;
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
