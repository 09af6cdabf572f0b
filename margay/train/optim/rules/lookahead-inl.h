// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_LOOKAHEAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_LOOKAHEAD_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_LOOKAHEAD_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_LOOKAHEAD_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// Lookahead (Zhang et al. 2019), every k steps of any rule, which with RAdam is Ranger (Wright 2019):
///
///     slow = slow + alpha (w - slow)        w = slow
struct Lookahead {
  static constexpr Arrays kReads{.slow = true};
  static constexpr Arrays kWrites{.parameter = true, .slow = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.slow += s.alpha * (x.parameter - x.slow);
    x.parameter.assign(x.slow);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
