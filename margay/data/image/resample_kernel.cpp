#include "margay/data/image/resample_kernel.h"

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/data/image/resample_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace margay::data {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Ints = hn::CappedTag<std::int32_t, Taps::kLanes>;
using Bytes = hn::Rebind<std::uint8_t, Ints>;
using IntVec = hn::Vec<Ints>;

/// Half of the last bit that counts: sums begin with it.
HWY_INLINE IntVec half() { return hn::Set(Ints(), 1 << (Taps::kBits - 1)); }

/// Sums in 2^-22 -> uint8.
HWY_INLINE hn::Vec<Bytes> to_bytes(IntVec v) { return hn::DemoteTo(Bytes(), hn::ShiftRight<Taps::kBits>(v)); }

/// One lane per output pixel; a gather fetches its three channels, and a fourth byte that is masked away.
void resample_row(const std::uint8_t* HWY_RESTRICT row, const Taps& taps, std::uint8_t* HWY_RESTRICT out) {
  const Ints di;
  const auto* base = reinterpret_cast<const std::int32_t*>(row);
  const IntVec byte = hn::Set(di, 0xFF);
  const IntVec pixel = hn::Set(di, 3);
  for (std::size_t x = 0; x < taps.stride; x += hn::Lanes(di)) {
    const IntVec first = hn::LoadU(di, taps.first.data() + x);
    IntVec offset = hn::Add(first, hn::Add(first, first));
    IntVec red = half();
    IntVec green = half();
    IntVec blue = half();
    const std::int32_t* weights = taps.weights.data() + x;
    for (int t = 0; t < taps.count; ++t, weights += taps.stride) {
      const IntVec weight = hn::LoadU(di, weights);
      const IntVec rgb = hn::GatherOffset(di, base, offset);
      red = hn::Add(red, hn::Mul(weight, hn::And(rgb, byte)));
      green = hn::Add(green, hn::Mul(weight, hn::And(hn::ShiftRight<8>(rgb), byte)));
      blue = hn::Add(blue, hn::Mul(weight, hn::And(hn::ShiftRight<16>(rgb), byte)));
      offset = hn::Add(offset, pixel);
    }
    hn::StoreInterleaved3(to_bytes(red), to_bytes(green), to_bytes(blue), Bytes(), out + 3 * x);
  }
}

void blend_rows(std::span<const std::uint8_t* const> rows, std::span<const std::int32_t> weights, std::size_t bytes,
                std::uint8_t* HWY_RESTRICT out) {
  const Ints di;
  for (std::size_t i = 0; i < bytes; i += hn::Lanes(di)) {
    IntVec sum = half();
    for (std::size_t t = 0; t < rows.size(); ++t) {
      const IntVec value = hn::PromoteTo(di, hn::LoadU(Bytes(), rows[t] + i));
      sum = hn::Add(sum, hn::Mul(hn::Set(di, weights[t]), value));
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

void blend_rows(std::span<const std::uint8_t* const> rows, std::span<const std::int32_t> weights, std::size_t bytes,
                std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_rows)(rows, weights, bytes, out);
}

}  // namespace margay::data
#endif
