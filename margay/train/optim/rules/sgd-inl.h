// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// Stochastic gradient descent with momentum that is not damped (Polyak 1964, as fastai and PyTorch have it), and
/// Nesterov's form (Sutskever et al. 2013):
///
///     m = μ m + g        w = w - lr · m    or, Nesterov,    w = w - lr · (g + μ m)
struct Sgd {
  static constexpr Arrays kReads{.gradient = true, .avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.avg *= s.momentum;
    x.avg += x.gradient;
    x.parameter -= s.lr * (s.avg_share * x.avg + s.own_share * x.gradient);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
