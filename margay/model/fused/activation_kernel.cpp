#include "margay/model/fused/activation_kernel.h"

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/model/fused/activation_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "margay/model/fused/channel_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::model::fused {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using BFloat16 = hwy::bfloat16_t;

HWY_INLINE Vector number(float value) { return hn::Set(Floats(), value); }

// What follows is exact to 1e-5 of itself, a two-hundredth of bfloat16's rounding. NaN need not pass through all of it,
// as every result is multiplied by x.

constexpr float kLargestPower = 126;

/// 2^y for y ≤ 126, 0 for y ≤ -126: 2^n 2^r with n = round(y), where 2^r is the polynomial of least relative error,
/// 2.6e-6.
HWY_INLINE Vector power_of_two(Vector y) {
  const hn::RebindToUnsigned<Floats> du;
  const Vector round = number(12582912.0F + 127.0F);  // 1.5·2²³: adding it leaves n + 127 in the low bits
  const Vector shifted = hn::Add(y, round);
  const Vector r = hn::Sub(y, hn::Sub(shifted, round));
  Vector p = hn::MulAdd(r, number(0.0095700953F), number(0.055917905F));
  p = hn::MulAdd(p, r, number(0.24024745F));
  p = hn::MulAdd(p, r, number(0.69312181F));
  p = hn::MulAdd(p, r, number(0.99999926F));
  const Vector power = hn::BitCast(Floats(), hn::ShiftLeft<23>(hn::BitCast(du, shifted)));
  return hn::IfThenElseZero(hn::Gt(y, number(-kLargestPower)), hn::Mul(p, power));
}

constexpr float kLog2OfE = 1.44269504F;

/// One step of Newton's from the processor's own.
HWY_INLINE Vector reciprocal(Vector x) {
  const Vector near = hn::ApproximateReciprocal(x);
  return hn::Mul(near, hn::NegMulAdd(x, near, number(2)));
}

/// x σ(x)
struct Silu {
  HWY_INLINE static Vector value(Vector x) { return hn::Mul(x, Silu(x).of_x); }
  /// σ(x) (1 + x σ(-x))
  HWY_INLINE static Vector slope(Vector x) {
    const Silu sigmoids(x);
    return hn::Mul(sigmoids.of_x, hn::MulAdd(x, hn::Mul(sigmoids.exp, sigmoids.share), number(1)));
  }

 private:
  HWY_INLINE explicit Silu(Vector x) {
    const Vector y = hn::Mul(x, number(-kLog2OfE));
    exp = power_of_two(hn::Min(y, number(kLargestPower)));
    share = reciprocal(hn::Add(exp, number(1)));
    of_x = hn::IfThenElseZero(hn::Lt(y, number(kLargestPower)), share);
  }

  Vector exp;    ///< of -x
  Vector share;  ///< 1 / (1 + exp)
  Vector of_x;   ///< σ(x); 0 where it is less than 1e-38
};

/// x Φ(x), Φ(x) the share of a normal distribution below x. Φ(-z), z ≥ 0, is exp(-z² / 2) t p(t), t = 1 / (1 + c z)
/// (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.17), with p and c of least relative
/// error, 5.9e-6.
struct Gelu {
  HWY_INLINE static Vector value(Vector x) { return hn::Mul(x, Gelu(x).of_x); }
  /// Φ(x) + x exp(-x² / 2) / √(2π)
  HWY_INLINE static Vector slope(Vector x) {
    const Gelu shares(x);
    return hn::MulAdd(hn::Mul(x, number(0.39894228F)), shares.exp, shares.of_x);
  }

 private:
  HWY_INLINE explicit Gelu(Vector x) {
    const Vector z = hn::Min(hn::Abs(x), number(14));  // beyond, exp is 0
    const Vector t = reciprocal(hn::MulAdd(z, number(0.30384615F), number(1)));
    Vector p = hn::MulAdd(t, number(-0.07637214F), number(0.20312806F));
    p = hn::MulAdd(p, t, number(-0.0047983224F));
    p = hn::MulAdd(p, t, number(0.14022786F));
    p = hn::MulAdd(p, t, number(0.11628379F));
    p = hn::MulAdd(p, t, number(0.12153369F));
    const Vector y = hn::Mul(hn::Mul(x, x), number(-0.5F * kLog2OfE));
    exp = power_of_two(y);
    const Vector smaller = hn::Mul(hn::Mul(t, p), exp);
    of_x = hn::IfThenElse(hn::Lt(x, hn::Zero(Floats())), smaller, hn::Sub(number(1), smaller));
  }

  Vector exp;   ///< of -x² / 2
  Vector of_x;  ///< Φ(x)
};

template <class Function>
void write_values(const BFloat16* x, std::size_t n, BFloat16* y) {
  for_each_vector(n,
                  [&](const auto& access, std::size_t i) { access.store(Function::value(access.load(x + i)), y + i); });
}

template <class Function>
void write_gradients(const BFloat16* gradient, const BFloat16* x, std::size_t n, BFloat16* x_gradient) {
  for_each_vector(n, [&](const auto& access, std::size_t i) {
    access.store(hn::Mul(access.load(gradient + i), Function::slope(access.load(x + i))), x_gradient + i);
  });
}

ActivationKernel kernel() {
  return {write_values<Silu>, write_gradients<Silu>, write_values<Gelu>, write_gradients<Gelu>};
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::model::fused
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::model::fused {

HWY_EXPORT(kernel);

ActivationKernel activation_kernel() { return HWY_DYNAMIC_DISPATCH(kernel)(); }

}  // namespace margay::model::fused
#endif
