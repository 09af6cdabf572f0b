// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_SGD_INL_H_
#endif

#include <hwy/highway.h>

#include "margay/train/optim/optimizer_options.h"
#include "margay/train/optim/rules/adam-inl.h"
#include "margay/train/optim/rules/values.h"

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

/// RMSProp (Tieleman, Hinton 2012), its momentum as fastai has it: not damped, and without correction at the start:
///
///     m = μ m + g        v = β v + (1 - β) g²        w = w - lr · m / (sqrt(v) + eps)
struct RMSProp {
  static constexpr Arrays kReads{.gradient = true, .avg = true, .sqr_avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true, .sqr_avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.avg *= s.momentum;
    x.avg += x.gradient;
    average_square(x, s);
    x.parameter -= s.lr * x.avg / (sqrt(x.sqr_avg) + s.eps);
  }
};

/// LARS (You et al. 2017) as fastai's Larc: the rate of a layer follows the ratio of its norms, max_trust · lr at most,
/// and the momentum gathers gradients, not steps:
///
///     m = μ m + g        w = w - lr · min(trust_coeff · |w| / (|g| + wd |w| + eps), max_trust) · m
///
/// Two passes: the norms must be known before any element moves.
struct LarsMeasure {
  static constexpr Arrays kReads{.gradient = true};
  static constexpr Arrays kWrites{};

  template <class V>
  HWY_INLINE static V step(Values<V>& x, const StepNumbers& /*s*/) {
    return x.gradient;
  }
};

struct LarsStep {
  static constexpr Arrays kReads{.gradient = true, .avg = true};
  static constexpr Arrays kWrites{.parameter = true, .avg = true};

  template <class V>
  HWY_INLINE static void step(Values<V>& x, const StepNumbers& s) {
    x.avg *= s.momentum;
    x.avg += x.gradient;
    x.parameter -= s.lr * (x.ratio * x.avg);
  }
};

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
