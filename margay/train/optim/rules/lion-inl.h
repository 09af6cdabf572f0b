// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_LION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_LION_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_LION_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_LION_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// Lion (Chen et al. 2023): every element goes the same distance, along the sign of an average that the gradient
/// enters once more than it is remembered:
///
///     w = w - lr · sign(β1 m + (1 - β1) g)        m = β2 m + (1 - β2) g
struct Lion {
  static constexpr Arrays kReads{.gradient = true, .avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.parameter -= s.lr * sign(s.momentum * x.avg + (1 - s.momentum) * x.gradient);
    x.avg *= s.avg_mom;
    x.avg += (1 - s.avg_mom) * x.gradient;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
