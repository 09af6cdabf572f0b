// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_ADAM_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/optimizer_options.h"
#include "margay/train/optim/rules/values.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

/// v = β2 v + (1 - β2) g²
template <class V>
HWY_INLINE void average_square(Values<V>& x, const StepNumbers& s) {
  x.sqr_avg *= s.sqr_mom;
  x.sqr_avg += (1 - s.sqr_mom) * x.gradient * x.gradient;
}

/// The two averages of Adam and its variants (Kingma, Ba 2014): m = β1 m + (1 - β1) g, and average_square.
template <class V>
HWY_INLINE void average_moments(Values<V>& x, const StepNumbers& s) {
  x.avg *= s.momentum;
  x.avg += (1 - s.momentum) * x.gradient;
  average_square(x, s);
}

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
