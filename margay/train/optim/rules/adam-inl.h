// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/averages-inl.h"
#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// Adam (Kingma, Ba 2014); with decoupled decay it is AdamW (Loshchilov, Hutter 2017):
///
///     m = β1 m + (1 - β1) g        v = β2 v + (1 - β2) g²
///     w = w - lr / (1 - β1^t) · m / (sqrt(v / (1 - β2^t)) + eps)
struct Adam {
  static constexpr Arrays kReads{.gradient = true, .avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true, .sqr_avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    average_moments(x, s);
    x.parameter -= s.lr * x.avg / (sqrt(s.sqr_scale * x.sqr_avg) + s.eps);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
