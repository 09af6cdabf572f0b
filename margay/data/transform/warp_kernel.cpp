#include "margay/data/transform/warp_kernel.h"

#include <algorithm>
#include <cstddef>

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/data/transform/warp_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "margay/data/transform/lighting_kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::data {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kMaxLanes = 16;
using Floats = hn::CappedTag<float, kMaxLanes>;
using Ints = hn::RebindToSigned<Floats>;
using FloatVec = hn::Vec<Floats>;
using IntVec = hn::Vec<Ints>;

/// Along one axis: the nearer and the farther pixel of each sample, and their weights.
struct Pair {
  IntVec first;
  IntVec second;
  FloatVec first_weight;
  FloatVec second_weight;
};

/// A coordinate outside of 0 … size, measured from the image's edge, mirrored at its edges until it lies within.
HWY_INLINE FloatVec reflect(FloatVec x, float size) {
  const Floats df;
  const FloatVec half = hn::Set(df, 0.5F);
  const FloatVec from_edge = hn::Add(x, half);
  const auto inside = hn::And(hn::Ge(from_edge, hn::Zero(df)), hn::Le(from_edge, hn::Set(df, size)));
  if (hn::AllTrue(df, inside)) return x;
  const FloatVec period = hn::Set(df, 2 * size);
  const FloatVec turns = hn::Floor(hn::Mul(from_edge, hn::Set(df, 0.5F / size)));
  const FloatVec rest = hn::NegMulAdd(turns, period, from_edge);
  return hn::IfThenElse(inside, x, hn::Sub(hn::Min(rest, hn::Sub(period, rest)), half));
}

/// The indices are clamped as integers, so that no coordinate, NaN included, leads outside the image.
HWY_INLINE Pair pair_of(FloatVec x, int size, PadMode pad_mode) {
  const Floats df;
  const Ints di;
  const bool is_black_outside = pad_mode == PadMode::kZeros;
  const float margin = is_black_outside ? 2.0F : 0.0F;
  const float last = static_cast<float>(size - 1);
  if (pad_mode == PadMode::kReflection) x = reflect(x, static_cast<float>(size));
  x = hn::Min(hn::Max(x, hn::Set(df, -margin)), hn::Set(df, last + margin));
  const FloatVec floor = hn::Floor(x);
  const IntVec near = hn::ConvertTo(di, floor);
  const IntVec far = hn::Add(near, hn::Set(di, 1));
  const IntVec highest = hn::Set(di, size - 1);
  const auto clamp = [&](IntVec i) { return hn::Min(hn::Max(i, hn::Zero(di)), highest); };
  Pair pair = {clamp(near), clamp(far), hn::Zero(df), hn::Sub(x, floor)};
  pair.first_weight = hn::Sub(hn::Set(df, 1.0F), pair.second_weight);
  if (is_black_outside) {
    pair.first_weight = hn::IfThenElseZero(hn::RebindMask(df, hn::Eq(pair.first, near)), pair.first_weight);
    pair.second_weight = hn::IfThenElseZero(hn::RebindMask(df, hn::Eq(pair.second, far)), pair.second_weight);
  }
  return pair;
}

/// The three bytes of a pixel in the low bytes of each lane; the fourth is anything. In the last row the four
/// bytes could reach beyond the image, so they are read earlier and shifted.
HWY_INLINE IntVec load_pixels(const WarpSource& source, IntVec offset, bool is_last_row) {
  const Ints di;
  const auto* base = reinterpret_cast<const std::int32_t*>(source.pixels);
  if (!is_last_row) return hn::GatherOffset(di, base, offset);
  const IntVec last = hn::Set(di, HWY_MAX(3 * source.height * source.width - 4, 0));
  const IntVec early = hn::Min(offset, last);
  const IntVec bits = hn::ShiftLeft<3>(hn::Sub(offset, early));
  return hn::Shr(hn::GatherOffset(di, base, early), bits);
}

/// The four neighbours of each sample and their weights.
struct Neighbours {
  IntVec pixels[4];
  FloatVec weights[4];
};

HWY_INLINE Neighbours neighbours_of(const WarpSource& source, FloatVec x, FloatVec y) {
  const Ints di;
  const Pair columns = pair_of(x, source.width, source.pad_mode);
  const Pair rows = pair_of(y, source.height, source.pad_mode);
  const IntVec pixel = hn::Set(di, 3);
  const IntVec row = hn::Set(di, 3 * source.width);
  const IntVec left = hn::Mul(columns.first, pixel);
  const IntVec right = hn::Mul(columns.second, pixel);
  const IntVec top = hn::Mul(rows.first, row);
  const IntVec bottom = hn::Mul(rows.second, row);
  const bool is_last = !hn::AllFalse(di, hn::Eq(rows.second, hn::Set(di, source.height - 1)));
  return {{load_pixels(source, hn::Add(top, left), is_last), load_pixels(source, hn::Add(top, right), is_last),
           load_pixels(source, hn::Add(bottom, left), is_last), load_pixels(source, hn::Add(bottom, right), is_last)},
          {hn::Mul(rows.first_weight, columns.first_weight), hn::Mul(rows.first_weight, columns.second_weight),
           hn::Mul(rows.second_weight, columns.first_weight), hn::Mul(rows.second_weight, columns.second_weight)}};
}

template <int kChannel>
HWY_INLINE FloatVec blend(const Neighbours& near) {
  const Ints di;
  const auto value = [&](int i) {
    return hn::ConvertTo(Floats(), hn::And(hn::ShiftRight<8 * kChannel>(near.pixels[i]), hn::Set(di, 0xFF)));
  };
  const FloatVec top = hn::MulAdd(value(1), near.weights[1], hn::Mul(value(0), near.weights[0]));
  return hn::MulAdd(value(3), near.weights[3], hn::MulAdd(value(2), near.weights[2], top));
}

/// Samples one vector of pixels and writes [lanes,3] floats.
HWY_INLINE void warp_vector(const WarpSource& source, const WarpColours& colours, FloatVec x, FloatVec y, float* out) {
  const Floats df;
  const Neighbours near = neighbours_of(source, x, y);
  FloatVec red = blend<0>(near);
  FloatVec green = blend<1>(near);
  FloatVec blue = blend<2>(near);
  if (!colours.lighting.is_neutral) light(df, colours.lighting, red, green, blue);
  const auto finish = [&](FloatVec value, std::size_t c) {
    return hn::MulAdd(value, hn::Set(df, colours.scale[c]), hn::Set(df, colours.shift[c]));
  };
  hn::StoreInterleaved3(finish(red, 0), finish(green, 1), finish(blue, 2), df, out);
}

void warp_row(const WarpSource& source, const WarpLine& line, const WarpColours& colours, int count, float* out) {
  const Floats df;
  const int lanes = static_cast<int>(hn::Lanes(df));
  const FloatVec steps = hn::Iota(df, 0.0F);
  const auto along = [&](double start, double step, int i) {
    return hn::MulAdd(steps, hn::Set(df, static_cast<float>(step)), hn::Set(df, static_cast<float>(start + i * step)));
  };
  for (int i = 0; i < count; i += lanes) {
    FloatVec x = along(line.x, line.dx, i);
    FloatVec y = along(line.y, line.dy, i);
    if (line.dw != 0) {
      const FloatVec nearness = hn::Div(hn::Set(df, 1.0F), along(1, line.dw, i));
      x = hn::Mul(x, nearness);
      y = hn::Mul(y, nearness);
    }
    if (i + lanes <= count) {
      warp_vector(source, colours, x, y, out + std::ptrdiff_t{3} * i);
    } else {
      float rest[3 * kMaxLanes];
      warp_vector(source, colours, x, y, rest);
      std::copy_n(rest, 3 * (count - i), out + std::ptrdiff_t{3} * i);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::data
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::data {

HWY_EXPORT(warp_row);

void warp_row(const WarpSource& source, const WarpLine& line, const WarpColours& colours, int count, float* out) {
  HWY_DYNAMIC_DISPATCH(warp_row)(source, line, colours, count, out);
}

}  // namespace margay::data
#endif
