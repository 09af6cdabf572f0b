#include "margay/train/optim/rules/span_passes.h"

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/train/optim/rules/span_passes.cpp"  // compiled once for each instruction set
#include <algorithm>
#include <type_traits>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "margay/train/optim/rules/all-inl.h"
#include "margay/train/optim/rules/lane-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {

template <class Rule, class V>
HWY_INLINE Values<V> load(const Spans& at, std::int64_t i) {
  Values<V> x;
  x.parameter = V::load(at.parameter + i);
  if constexpr (Rule::kReads.gradient) x.gradient = V::load(at.gradient + i);
  if constexpr (Rule::kReads.avg) x.avg = V::load(at.avg + i);
  if constexpr (Rule::kReads.sqr_avg) x.sqr_avg = V::load(at.sqr_avg + i);
  if constexpr (Rule::kReads.slow) x.slow = V::load(at.slow + i);
  return x;
}

template <class Rule, class V>
HWY_INLINE void store(const Values<V>& x, const Spans& at, std::int64_t i) {
  if constexpr (Rule::kWrites.parameter) x.parameter.store(at.parameter + i);
  if constexpr (Rule::kWrites.avg) x.avg.store(at.avg + i);
  if constexpr (Rule::kWrites.sqr_avg) x.sqr_avg.store(at.sqr_avg + i);
  if constexpr (Rule::kWrites.slow) x.slow.store(at.slow + i);
}

/// Elements begin … end, which are a multiple of V's lanes apart.
template <class Rule, class D>
HWY_INLINE SquareSums run(D d, const Spans& at, std::int64_t begin, std::int64_t end, const StepNumbers& s,
                          double ratio) {
  using V = Lane<D>;
  V squares = V::zero();
  V measured_squares = V::zero();
  for (std::int64_t i = begin; i < end; i += static_cast<std::int64_t>(hn::Lanes(d))) {
    Values<V> x = load<Rule, V>(at, i);
    x.ratio = ratio;
    decay<Rule>(x, s);
    if constexpr (std::is_void_v<decltype(Rule::step(x, s))>) {
      Rule::step(x, s);
    } else {
      const V measured = Rule::step(x, s);
      squares += x.parameter * x.parameter;
      measured_squares += measured * measured;
    }
    store<Rule>(x, at, i);
  }
  return {squares.sum(), measured_squares.sum()};
}

/// Float sums stay short, so that they lose little; doubles gather them.
constexpr std::int64_t kSumLength = 2048;

template <class Rule>
SquareSums pass(const Spans& spans, const StepNumbers& numbers, double ratio) {
  const Spans at = spans;         // copies: stores through the pointers cannot change them, so they stay in
  const StepNumbers s = numbers;  // registers
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 1> narrow;
  SquareSums total;
  const auto add = [&total](const SquareSums& part) {
    total.parameter += part.parameter;
    total.measured += part.measured;
  };
  const std::int64_t whole = at.n - at.n % static_cast<std::int64_t>(hn::Lanes(wide));
  for (std::int64_t i = 0; i < whole; i += kSumLength) {
    add(run<Rule>(wide, at, i, std::min(whole, i + kSumLength), s, ratio));
  }
  add(run<Rule>(narrow, at, whole, at.n, s, ratio));
  return total;
}

SpanRule rule_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdam:
    case OptimizerKind::kMuon:
      return {nullptr, pass<Adam>};
    case OptimizerKind::kSgd:
      return {nullptr, pass<Sgd>};
    case OptimizerKind::kRmsprop:
      return {nullptr, pass<RMSProp>};
    case OptimizerKind::kRadam:
    case OptimizerKind::kRanger:
      return {nullptr, pass<RAdam>};
    case OptimizerKind::kLamb:
      return {pass<LambMeasure>, pass<LambStep>};
    case OptimizerKind::kLars:
      return {pass<LarsMeasure>, pass<LarsStep>};
    case OptimizerKind::kQhadam:
      return {nullptr, pass<QHAdam>};
    case OptimizerKind::kLion:
      return {nullptr, pass<Lion>};
  }
  return {};
}

SpanPass lookahead() { return pass<Lookahead>; }

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::train::rules {

HWY_EXPORT(rule_of);
HWY_EXPORT(lookahead);

SpanRule span_rule(OptimizerKind kind) { return HWY_DYNAMIC_DISPATCH(rule_of)(kind); }
SpanPass span_lookahead() { return HWY_DYNAMIC_DISPATCH(lookahead)(); }

}  // namespace margay::train::rules
#endif
