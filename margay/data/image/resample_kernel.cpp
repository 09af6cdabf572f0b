#include "margay/data/image/resample_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/data/image/resample_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace margay::data {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, Taps::kLanes>;
using Ints = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using FloatVec = hn::Vec<Floats>;
using IntVec = hn::Vec<Ints>;

/// float >= 0 -> the nearest uint8.
HWY_INLINE hn::Vec<Bytes> to_bytes(FloatVec v) {
  return hn::DemoteTo(Bytes(), hn::ConvertTo(Ints(), hn::Add(v, hn::Set(Floats(), 0.5F))));
}

/// One lane per output pixel; a gather fetches its three channels, and a fourth byte that is masked away.
void resample_row(const std::uint8_t* HWY_RESTRICT row, const Taps& taps, std::uint8_t* HWY_RESTRICT out) {
  const Floats df;
  const Ints di;
  const auto* base = reinterpret_cast<const std::int32_t*>(row);
  const IntVec byte = hn::Set(di, 0xFF);
  const IntVec pixel = hn::Set(di, 3);
  for (std::size_t x = 0; x < taps.stride; x += hn::Lanes(df)) {
    const IntVec first = hn::LoadU(di, taps.first.data() + x);
    IntVec offset = hn::Add(first, hn::Add(first, first));
    FloatVec red = hn::Zero(df);
    FloatVec green = hn::Zero(df);
    FloatVec blue = hn::Zero(df);
    const float* weights = taps.weights.data() + x;
    for (int t = 0; t < taps.count; ++t, weights += taps.stride) {
      const FloatVec weight = hn::LoadU(df, weights);
      const IntVec rgb = hn::GatherOffset(di, base, offset);
      red = hn::MulAdd(weight, hn::ConvertTo(df, hn::And(rgb, byte)), red);
      green = hn::MulAdd(weight, hn::ConvertTo(df, hn::And(hn::ShiftRight<8>(rgb), byte)), green);
      blue = hn::MulAdd(weight, hn::ConvertTo(df, hn::And(hn::ShiftRight<16>(rgb), byte)), blue);
      offset = hn::Add(offset, pixel);
    }
    hn::StoreInterleaved3(to_bytes(red), to_bytes(green), to_bytes(blue), Bytes(), out + 3 * x);
  }
}

/// a + round((b - a) * weight), in 16-bit fixed point.
void blend_two_rows(const std::uint8_t* HWY_RESTRICT a, const std::uint8_t* HWY_RESTRICT b, float weight,
                    std::size_t bytes, std::uint8_t* HWY_RESTRICT out) {
  const hn::CappedTag<std::int16_t, Taps::kLanes> d;
  const hn::Rebind<std::uint8_t, decltype(d)> du;
  const auto fixed = hn::Set(d, static_cast<std::int16_t>(HWY_MIN(weight * 32768.0F + 0.5F, 32767.0F)));
  for (std::size_t i = 0; i < bytes; i += hn::Lanes(d)) {
    const auto from = hn::PromoteTo(d, hn::LoadU(du, a + i));
    const auto to = hn::PromoteTo(d, hn::LoadU(du, b + i));
    const auto mixed = hn::Add(from, hn::MulFixedPoint15(hn::Sub(to, from), fixed));
    hn::StoreU(hn::DemoteTo(du, mixed), du, out + i);
  }
}

void blend_rows(std::span<const std::uint8_t* const> rows, std::span<const float> weights, std::size_t bytes,
                std::uint8_t* HWY_RESTRICT out) {
  if (rows.size() == 2) return blend_two_rows(rows[0], rows[1], weights[1], bytes, out);
  const Floats df;
  const Ints di;
  for (std::size_t i = 0; i < bytes; i += hn::Lanes(df)) {
    FloatVec sum = hn::Zero(df);
    for (std::size_t t = 0; t < rows.size(); ++t) {
      const auto value = hn::PromoteTo(di, hn::LoadU(Bytes(), rows[t] + i));
      sum = hn::MulAdd(hn::Set(df, weights[t]), hn::ConvertTo(df, value), sum);
    }
    hn::StoreU(to_bytes(sum), Bytes(), out + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::data
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::data {

HWY_EXPORT(resample_row);
HWY_EXPORT(blend_rows);

void resample_row(const std::uint8_t* row, const Taps& taps, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(resample_row)(row, taps, out);
}

void blend_rows(std::span<const std::uint8_t* const> rows, std::span<const float> weights, std::size_t bytes,
                std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_rows)(rows, weights, bytes, out);
}

}  // namespace margay::data
#endif
