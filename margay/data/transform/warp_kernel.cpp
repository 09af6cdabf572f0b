#include "margay/data/transform/warp_kernel.h"

#include <algorithm>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/data/transform/warp_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace margay::data {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kMaxLanes = 16;
using Floats = hn::CappedTag<float, kMaxLanes>;
using Ints = hn::RebindToSigned<Floats>;
using FloatVec = hn::Vec<Floats>;
using IntVec = hn::Vec<Ints>;

/// Where the samples of one vector lie: byte offset of the upper left neighbour, the steps to the right and
/// the lower one (0 at the border), and how far the sample is on the way to them, 0 … 1.
struct Places {
  IntVec offset;
  IntVec right;
  IntVec down;
  FloatVec to_right;
  FloatVec to_down;
};

HWY_INLINE Places places_of(const WarpSource& source, FloatVec x, FloatVec y) {
  const Floats df;
  const Ints di;
  const IntVec last_x = hn::Set(di, source.width - 1);
  const IntVec last_y = hn::Set(di, source.height - 1);
  const IntVec pixel = hn::Set(di, 3);
  const IntVec row = hn::Set(di, 3 * source.width);
  x = hn::Min(hn::Max(x, hn::Zero(df)), hn::ConvertTo(df, last_x));
  y = hn::Min(hn::Max(y, hn::Zero(df)), hn::ConvertTo(df, last_y));
  const IntVec left = hn::ConvertTo(di, x);
  const IntVec top = hn::ConvertTo(di, y);
  return {hn::Add(hn::Mul(top, row), hn::Mul(left, pixel)), hn::IfThenElseZero(hn::Lt(left, last_x), pixel),
          hn::IfThenElseZero(hn::Lt(top, last_y), row), hn::Sub(x, hn::ConvertTo(df, left)),
          hn::Sub(y, hn::ConvertTo(df, top))};
}

/// The three bytes of a pixel in the low bytes of each lane; the fourth is anything. Near the end of the
/// picture the four bytes would reach beyond it, so they are read earlier and shifted.
template <bool kNearEnd>
HWY_INLINE IntVec load_pixels(const WarpSource& source, IntVec offset) {
  const Ints di;
  const auto* base = reinterpret_cast<const std::int32_t*>(source.pixels);
  if constexpr (!kNearEnd) return hn::GatherOffset(di, base, offset);
  const IntVec last = hn::Set(di, 3 * source.height * source.width - 4);
  const IntVec early = hn::Min(offset, last);
  const IntVec bits = hn::ShiftLeft<3>(hn::Sub(offset, early));
  return hn::Shr(hn::GatherOffset(di, base, early), bits);
}

template <int kChannel>
HWY_INLINE FloatVec channel(IntVec pixels) {
  const Ints di;
  return hn::ConvertTo(Floats(), hn::And(hn::ShiftRight<8 * kChannel>(pixels), hn::Set(di, 0xFF)));
}

struct Neighbours {
  IntVec top_left;
  IntVec top_right;
  IntVec bottom_left;
  IntVec bottom_right;
};

template <int kChannel>
HWY_INLINE FloatVec blend(const Neighbours& near, const Places& places, const WarpColours& colours) {
  const auto between = [](FloatVec a, FloatVec b, FloatVec way) { return hn::MulAdd(hn::Sub(b, a), way, a); };
  const Floats df;
  const FloatVec top = between(channel<kChannel>(near.top_left), channel<kChannel>(near.top_right), places.to_right);
  const FloatVec bottom =
      between(channel<kChannel>(near.bottom_left), channel<kChannel>(near.bottom_right), places.to_right);
  const FloatVec value = between(top, bottom, places.to_down);
  return hn::MulAdd(value, hn::Set(df, colours.scale[kChannel]), hn::Set(df, colours.shift[kChannel]));
}

/// Samples one vector of pixels and writes [lanes,3] floats.
template <bool kNearEnd>
HWY_INLINE void warp_vector(const WarpSource& source, const WarpColours& colours, FloatVec x, FloatVec y, float* out) {
  const Floats df;
  const Places at = places_of(source, x, y);
  const IntVec below = hn::Add(at.offset, at.down);
  const Neighbours near = {
      load_pixels<kNearEnd>(source, at.offset), load_pixels<kNearEnd>(source, hn::Add(at.offset, at.right)),
      load_pixels<kNearEnd>(source, below), load_pixels<kNearEnd>(source, hn::Add(below, at.right))};
  hn::StoreInterleaved3(blend<0>(near, at, colours), blend<1>(near, at, colours), blend<2>(near, at, colours), df, out);
}

template <bool kNearEnd>
void warp_line(const WarpSource& source, const WarpLine& line, const WarpColours& colours, int count, float* out) {
  const Floats df;
  const int lanes = static_cast<int>(hn::Lanes(df));
  const FloatVec steps = hn::Iota(df, 0.0F);
  const FloatVec dx = hn::Set(df, static_cast<float>(line.dx));
  const FloatVec dy = hn::Set(df, static_cast<float>(line.dy));
  for (int i = 0; i < count; i += lanes) {
    const FloatVec x = hn::MulAdd(steps, dx, hn::Set(df, static_cast<float>(line.x + i * line.dx)));
    const FloatVec y = hn::MulAdd(steps, dy, hn::Set(df, static_cast<float>(line.y + i * line.dy)));
    if (i + lanes <= count) {
      warp_vector<kNearEnd>(source, colours, x, y, out + std::ptrdiff_t{3} * i);
    } else {
      float rest[3 * kMaxLanes];
      warp_vector<kNearEnd>(source, colours, x, y, rest);
      std::copy_n(rest, 3 * (count - i), out + std::ptrdiff_t{3} * i);
    }
  }
}

void warp_row(const WarpSource& source, const WarpLine& line, const WarpColours& colours, int count, float* out) {
  const double end = count + static_cast<double>(kMaxLanes);  // the last vector computes beyond the row
  const double lowest = std::max(line.y, line.y + line.dy * end);
  const bool reads_last_row = lowest + 1.5 >= source.height - 1;  // half a pixel more than rounding can take
  reads_last_row ? warp_line<true>(source, line, colours, count, out)
                 : warp_line<false>(source, line, colours, count, out);
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
