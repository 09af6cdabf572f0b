// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_LAMB_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_LAMB_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_LAMB_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_LAMB_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/rules/averages-inl.h"
#include "margay/train/optim/rules/values.h"
#include "margay/train/optim/step_numbers.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// LAMB (You et al. 2019): Adam's direction d, whose length is scaled to the layer's weights:
///
///     m, v as Adam's        d = m / (1 - β1^t) / (sqrt(v / (1 - β2^t)) + eps)
///     w = w - lr · min(|w| / |d|, max_trust) · d
///
/// Two passes: |d| must be known before any element moves. Weight decay is outside d, as fastai has it.
struct Lamb {
  template <class V>
  HWY_INLINE static V direction(const Values<V>& x, const StepNumbers& s) {
    return s.avg_scale * x.avg / (sqrt(s.sqr_scale * x.sqr_avg) + s.eps);
  }
};

/// Updates the averages; what it returns is measured.
struct LambMeasure {
  static constexpr Arrays kReads{.gradient = true, .avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.avg = true, .sqr_avg = true};

  template <class V>
  HWY_INLINE static V step(Values<V>& x, const StepNumbers& s) {
    average_moments(x, s);
    return Lamb::direction(x, s);
  }
};

struct LambStep {
  static constexpr Arrays kReads{.avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.parameter = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.parameter -= s.lr * (x.ratio * Lamb::direction(x, s));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
