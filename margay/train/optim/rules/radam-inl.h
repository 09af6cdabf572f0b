// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_RADAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_RADAM_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_RADAM_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_RADAM_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/averages-inl.h"
#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// RAdam (Liu et al. 2019): Adam whose divisor is left out while too few steps tell the variance, and whose rate is
/// rectified afterwards. lr holds the rectification and 1 / (1 - β1^t); adaptive says which of the two it is.
struct RAdam {
  static constexpr Arrays kReads{.gradient = true, .avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true, .sqr_avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    average_moments(x, s);
    x.parameter -= s.lr * x.avg / (s.adaptive * (sqrt(s.sqr_scale * x.sqr_avg) + s.eps) + (1 - s.adaptive));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
