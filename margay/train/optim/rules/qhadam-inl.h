// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_QHADAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_QHADAM_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_QHADAM_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_QHADAM_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/averages-inl.h"
#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// Quasi-hyperbolic Adam (Ma, Yarats 2018): Adam's averages, mixed with the gradient itself:
///
///     w = w - lr · ((1 - ν1) g + ν1 m / (1 - β1^t)) / (sqrt((1 - ν2) g² + ν2 v / (1 - β2^t)) + eps)
struct QHAdam {
  static constexpr Arrays kReads{.gradient = true, .avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true, .sqr_avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    average_moments(x, s);
    x.parameter -= s.lr * (s.own_share * x.gradient + s.avg_share * x.avg) /
                   (sqrt(s.own_sqr_share * x.gradient * x.gradient + s.sqr_share * x.sqr_avg) + s.eps);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
