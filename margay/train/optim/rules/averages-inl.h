// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_AVERAGES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_AVERAGES_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_AVERAGES_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_AVERAGES_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// v = β2 v + (1 - β2) g²
template <class V>
HWY_INLINE void average_square(Values<V>& x, const StepNumbers& s) {
  x.sqr_avg *= s.sqr_mom;
  x.sqr_avg += (1 - s.sqr_mom) * x.gradient * x.gradient;
}

/// The two averages of Adam and its kin (Kingma, Ba 2014): m = β1 m + (1 - β1) g, and average_square.
template <class V>
HWY_INLINE void average_moments(Values<V>& x, const StepNumbers& s) {
  x.avg *= s.momentum;
  x.avg += (1 - s.momentum) * x.gradient;
  average_square(x, s);
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
