#include "margay/metric/temperature_kernel.h"

#include <algorithm>
#include <cmath>

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/metric/temperature_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace margay::metric {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using DoubleVec = hn::Vec<Doubles>;

/// In place of what lies behind the end of a row: adds nothing, and neither its square nor its multiples overflow.
constexpr double kBehindRow = -1e100;

HWY_INLINE DoubleVec load_doubles(Doubles d, const double* from) { return hn::LoadU(d, from); }
HWY_INLINE DoubleVec load_doubles(Doubles d, const float* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, Doubles>(), from));
}

/// exp(x) for x <= 0; below -750 it is 0.
HWY_INLINE DoubleVec exp_of(Doubles d, DoubleVec x) { return hn::Exp(d, hn::Max(x, hn::Set(d, -750.0))); }

HWY_INLINE double total_of(Doubles d, DoubleVec v) { return hn::GetLane(hn::SumOfLanes(d, v)); }

/// visit(vector) for all numbers of a row.
template <class Real, class Visit>
HWY_INLINE void for_each_vector(const Real* row, std::size_t count, const Visit& visit) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) visit(load_doubles(d, row + i));
  if (i == count) return;
  HWY_ALIGN double last[hn::MaxLanes(Doubles())];
  std::fill_n(last, lanes, kBehindRow);
  std::copy(row + i, row + count, last);
  visit(hn::Load(d, last));
}

template <class Real>
TemperatureLoss log_sum(const Real* logits, std::size_t classes, double largest, double scale) {
  const Doubles d;
  const auto most = hn::Set(d, largest);
  const auto times = hn::Set(d, scale);
  auto sum = hn::Zero(d);
  auto first = hn::Zero(d);
  auto second = hn::Zero(d);
  for_each_vector(logits, classes, [&](DoubleVec z) {
    const auto below = hn::Sub(z, most);
    const auto part = exp_of(d, hn::Mul(times, below));
    const auto weighted = hn::Mul(part, below);
    sum = hn::Add(sum, part);
    first = hn::Add(first, weighted);
    second = hn::MulAdd(weighted, below, second);
  });
  const double all = total_of(d, sum);
  const double mean = total_of(d, first) / all;
  return {.loss = std::log(all), .first = mean, .second = std::max(0.0, total_of(d, second) / all - mean * mean)};
}

template <class Real>
TemperatureLoss softplus(const Real* logits, std::size_t labels, double scale) {
  const Doubles d;
  const auto one = hn::Set(d, 1.0);
  const auto minus_times = hn::Set(d, -scale);
  const auto times = hn::Set(d, scale);
  auto loss = hn::Zero(d);
  auto first = hn::Zero(d);
  auto second = hn::Zero(d);
  for_each_vector(logits, labels, [&](DoubleVec z) {
    const auto small = exp_of(d, hn::Mul(minus_times, hn::Abs(z)));
    const auto larger_share = hn::Div(one, hn::Add(one, small));
    const auto smaller_share = hn::Mul(small, larger_share);
    const auto p = hn::IfThenElse(hn::Gt(z, hn::Zero(d)), larger_share, smaller_share);
    loss = hn::Add(loss, hn::MulAdd(times, hn::Max(z, hn::Zero(d)), hn::Log1p(d, small)));
    first = hn::MulAdd(p, z, first);
    second = hn::MulAdd(hn::Mul(smaller_share, larger_share), hn::Mul(z, z), second);
  });
  return {.loss = total_of(d, loss), .first = total_of(d, first), .second = total_of(d, second)};
}

TemperatureKernel<float> float_temperature() { return {log_sum<float>, softplus<float>}; }
TemperatureKernel<double> double_temperature() { return {log_sum<double>, softplus<double>}; }

}  // namespace HWY_NAMESPACE
}  // namespace margay::metric
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::metric {

HWY_EXPORT(float_temperature);
HWY_EXPORT(double_temperature);

template <>
TemperatureKernel<float> temperature_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(float_temperature)();
}
template <>
TemperatureKernel<double> temperature_kernel<double>() {
  return HWY_DYNAMIC_DISPATCH(double_temperature)();
}

}  // namespace margay::metric
#endif
