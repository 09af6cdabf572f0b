// exp(x) for x ≤ 0, for vectors of float and double. Included once for each instruction set.
#if defined(MARGAY_LOSS_KERNELS_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_LOSS_KERNELS_EXP_INL_H_
#undef MARGAY_LOSS_KERNELS_EXP_INL_H_
#else
#define MARGAY_LOSS_KERNELS_EXP_INL_H_
#endif

#include <type_traits>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace margay::loss::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// max(low, x) that keeps NaN: the processors' maximum gives its second argument then, or NaN.
template <class D>
HWY_INLINE hn::Vec<D> not_below(D /*d*/, hn::Vec<D> low, hn::Vec<D> x) {
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, low), low, x);
#else
  return hn::Max(low, x);
#endif
}

/// exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| ≤ ln 2 / 2. ln 2 is subtracted in two parts, the first short
/// enough for n times it to be exact (Cody and Waite, "Software Manual for the Elementary Functions", 1980); exp(r) is
/// 1 + r + r² q(r), q the polynomial of degree 4 of least relative error (Remez), 3.1e-9. NaN stays NaN, which
/// Highway's own exponential would turn into 0.
template <class D>
requires std::is_same_v < hn::TFromD<D>,
float > HWY_INLINE hn::Vec<D> exp_of_nonpositive(D d, hn::Vec<D> x) {
  x = not_below(d, hn::Set(d, -104.0F), x);  // there exp rounds to 0; -inf would make r NaN
  const auto round =
      hn::Set(d, 12582912.0F + 127.0F);  // 1.5·2²³: adding it leaves n, and here n + 127, in the low bits
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504F), round);
  const auto n = hn::Sub(shifted, round);
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  auto p = hn::MulAdd(r, hn::Set(d, 0.00138145402F), hn::Set(d, 0.00836874511F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.0416683908F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.166665204F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.499999934F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3  // the better a target, the smaller its number
  if constexpr (hn::MaxLanes(D()) == 16) return hn::Vec<D>{_mm512_scalef_ps(p.raw, n.raw)};  // one operation for four
#endif
  const hn::RebindToUnsigned<D> du;
  const auto power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.33F)), hn::Mul(p, power));
}

/// Highway's, and NaN for NaN.
template <class D>
requires std::is_same_v < hn::TFromD<D>,
double > HWY_INLINE hn::Vec<D> exp_of_nonpositive(D d, hn::Vec<D> x) {
  return hn::IfThenElse(hn::Eq(x, x), hn::Exp(d, x), x);
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::loss::kernels
HWY_AFTER_NAMESPACE();

#endif
