// Compiled once for each instruction set: the guard toggles.
#if defined(MARGAY_TRAIN_OPTIM_RULES_LANE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_TRAIN_OPTIM_RULES_LANE_INL_H_
#undef MARGAY_TRAIN_OPTIM_RULES_LANE_INL_H_
#else
#define MARGAY_TRAIN_OPTIM_RULES_LANE_INL_H_
#endif

#include <cstddef>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace margay::train::rules {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A vector of floats with the operators of a number, so that a formula reads the same for lanes and for tensors.
/// D: the Highway tag; one lane or as many as the machine has. Trivial: GCC gives implicit constructors no target.
template <class D>
struct Lane {
  using Ratio = double;

  hn::Vec<D> v;

  static HWY_INLINE Lane zero() { return {hn::Zero(D())}; }
  static HWY_INLINE Lane load(const float* from) { return {hn::LoadU(D(), from)}; }
  HWY_INLINE void store(float* to) const { hn::StoreU(v, D(), to); }
  HWY_INLINE void assign(Lane other) { v = other.v; }
  HWY_INLINE double sum() const { return static_cast<double>(hn::GetLane(hn::SumOfLanes(D(), v))); }

  HWY_INLINE Lane& operator+=(Lane b) { return *this = *this + b; }
  HWY_INLINE Lane& operator-=(Lane b) { return *this = *this - b; }
  HWY_INLINE Lane& operator*=(double b) { return *this = b * *this; }

  friend HWY_INLINE Lane operator+(Lane a, Lane b) { return {hn::Add(a.v, b.v)}; }
  friend HWY_INLINE Lane operator-(Lane a, Lane b) { return {hn::Sub(a.v, b.v)}; }
  friend HWY_INLINE Lane operator*(Lane a, Lane b) { return {hn::Mul(a.v, b.v)}; }
  friend HWY_INLINE Lane operator/(Lane a, Lane b) { return {hn::Div(a.v, b.v)}; }
  friend HWY_INLINE Lane operator+(Lane a, double b) { return {hn::Add(a.v, number(b))}; }
  friend HWY_INLINE Lane operator*(double a, Lane b) { return {hn::Mul(number(a), b.v)}; }
  friend HWY_INLINE Lane sqrt(Lane a) { return {hn::Sqrt(a.v)}; }
  /// -1, 0 or 1.
  friend HWY_INLINE Lane sign(Lane a) {
    const auto is_zero = hn::Eq(a.v, hn::Zero(D()));
    return {hn::IfThenZeroElse(is_zero, hn::CopySign(number(1), a.v))};
  }

 private:
  static HWY_INLINE hn::Vec<D> number(double value) { return hn::Set(D(), static_cast<float>(value)); }
};

}  // namespace HWY_NAMESPACE
}  // namespace margay::train::rules
HWY_AFTER_NAMESPACE();

#endif
