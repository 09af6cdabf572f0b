// Lighting of one vector of pixels, for the kernels: included once for each instruction set.
#if defined(MARGAY_LIGHTING_KERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_LIGHTING_KERNEL_INL_H_
#undef MARGAY_LIGHTING_KERNEL_INL_H_
#else
#define MARGAY_LIGHTING_KERNEL_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

#include "margay/data/transform/lighting.h"
#include "margay/data/transform/warp_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace margay::data {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// log2 of positive normal numbers, within 7e-6: exponent plus t * P(t) for the mantissa 1 + t, sqrt(1/2) … sqrt(2).
/// P is the minimax polynomial (Remez exchange).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log2_of(D df, V x) {
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(di, x);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3F3504F3)));  // bits of sqrt(1/2)
  const V t = hn::Sub(hn::BitCast(df, hn::Sub(bits, hn::ShiftLeft<23>(exponent))), hn::Set(df, 1.0F));
  V p = hn::MulAdd(hn::Set(df, -0.298072376F), t, hn::Set(df, 0.361390684F));
  p = hn::MulAdd(p, t, hn::Set(df, -0.357639746F));
  p = hn::MulAdd(p, t, hn::Set(df, 0.474986074F));
  p = hn::MulAdd(p, t, hn::Set(df, -0.721367359F));
  p = hn::MulAdd(p, t, hn::Set(df, 1.442809507F));
  return hn::MulAdd(p, t, hn::ConvertTo(df, exponent));
}

/// 2^x for x within -100 … 100, to 3e-6 of its value; x beyond is clamped.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_of(D df, V x) {
  const hn::RebindToSigned<D> di;
  x = hn::Min(hn::Max(x, hn::Set(df, -100.0F)), hn::Set(df, 100.0F));
  const auto whole = hn::NearestInt(x);
  const V t = hn::Sub(x, hn::ConvertTo(df, whole));
  V p = hn::MulAdd(hn::Set(df, 0.00964772766F), t, hn::Set(df, 0.0559314074F));
  p = hn::MulAdd(p, t, hn::Set(df, 0.240225876F));
  p = hn::MulAdd(p, t, hn::Set(df, 0.693119835F));
  p = hn::MulAdd(p, t, hn::Set(df, 1.0F));
  return hn::BitCast(df, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(whole)));
}

/// x / (1 - x) of a value 0 … 255 as x, 0 … 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V odds_of(D df, V value) {
  const V one = hn::Set(df, 1.0F);
  V x = hn::Mul(value, hn::Set(df, 1.0F / 255));
  x = hn::Min(hn::Max(x, hn::Set(df, 1e-7F)), hn::Set(df, 1 - 0x1p-23F));
  return hn::Div(x, hn::Sub(one, x));
}

/// Turns the hue of values 0 … 255. HSV -> RGB is V - C * clamp(min(k, 4 - k), 0, 1) with k = (n + hue) mod 6 and
/// n = 5, 3, 1 for red, green, blue; V is the largest channel and C its distance from the smallest.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void turn_hue(D df, float sixths, V& red, V& green, V& blue) {
  const V zero = hn::Zero(df);
  const V one = hn::Set(df, 1.0F);
  const V value = hn::Max(red, hn::Max(green, blue));
  const V chroma = hn::Sub(value, hn::Min(red, hn::Min(green, blue)));
  const V inverse = hn::Div(one, hn::IfThenElse(hn::Eq(chroma, zero), one, chroma));
  const V from_red = hn::Mul(hn::Sub(green, blue), inverse);
  const V from_green = hn::MulAdd(hn::Sub(blue, red), inverse, hn::Set(df, 2.0F));
  const V from_blue = hn::MulAdd(hn::Sub(red, green), inverse, hn::Set(df, 4.0F));
  V hue = hn::IfThenElse(hn::Eq(value, green), from_green, from_blue);
  hue = hn::Add(hn::IfThenElse(hn::Eq(value, red), from_red, hue), hn::Set(df, sixths));
  const auto channel = [&](float n) {
    V k = hn::Add(hue, hn::Set(df, n));
    k = hn::NegMulAdd(hn::Floor(hn::Mul(k, hn::Set(df, 1.0F / 6))), hn::Set(df, 6.0F), k);
    k = hn::Min(hn::Min(k, hn::Sub(hn::Set(df, 4.0F), k)), one);
    return hn::NegMulAdd(chroma, hn::Max(k, zero), value);
  };
  red = channel(5);
  green = channel(3);
  blue = channel(1);
}

/// lighting.h for values 0 … 255, which stay 0 … 255.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void light(D df, const WarpLighting& lighting, V& red, V& green, V& blue) {
  const V one = hn::Set(df, 1.0F);
  V r = odds_of(df, red);
  V g = odds_of(df, green);
  V b = odds_of(df, blue);
  if (lighting.contrast == 1 && lighting.saturation == 1) {  // brightness alone needs no logarithm
    const V gain = exp2_of(df, hn::Set(df, lighting.offset));
    r = hn::Mul(r, gain);
    g = hn::Mul(g, gain);
    b = hn::Mul(b, gain);
  } else {
    const V contrast = hn::Set(df, lighting.contrast);
    const V offset = hn::Set(df, lighting.contrast * lighting.offset);
    r = hn::MulAdd(log2_of(df, r), contrast, offset);
    g = hn::MulAdd(log2_of(df, g), contrast, offset);
    b = hn::MulAdd(log2_of(df, b), contrast, offset);
    if (lighting.saturation != 1) {
      const auto weight = [&](int c) { return hn::Set(df, static_cast<float>(kGreyWeights[c])); };
      V grey = hn::MulAdd(weight(0), r, hn::MulAdd(weight(1), g, hn::Mul(weight(2), b)));
      grey = hn::Mul(grey, hn::Set(df, 1 - lighting.saturation));
      const V own = hn::Set(df, lighting.saturation);
      r = hn::MulAdd(own, r, grey);
      g = hn::MulAdd(own, g, grey);
      b = hn::MulAdd(own, b, grey);
    }
    r = exp2_of(df, r);
    g = exp2_of(df, g);
    b = exp2_of(df, b);
  }
  const V full = hn::Set(df, 255.0F);  // odds / (1 + odds)
  red = hn::NegMulAdd(full, hn::Div(one, hn::Add(one, r)), full);
  green = hn::NegMulAdd(full, hn::Div(one, hn::Add(one, g)), full);
  blue = hn::NegMulAdd(full, hn::Div(one, hn::Add(one, b)), full);
  if (lighting.hue_sixths != 0) turn_hue(df, lighting.hue_sixths, red, green, blue);
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::data
HWY_AFTER_NAMESPACE();

#endif  // MARGAY_LIGHTING_KERNEL_INL_H_
