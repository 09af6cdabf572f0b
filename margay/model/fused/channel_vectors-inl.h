// Channels of float or bfloat16 as vectors of float, and the loops over rows. Included once for each instruction set.
#if defined(MARGAY_MODEL_FUSED_CHANNEL_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_MODEL_FUSED_CHANNEL_VECTORS_INL_H_
#undef MARGAY_MODEL_FUSED_CHANNEL_VECTORS_INL_H_
#else
#define MARGAY_MODEL_FUSED_CHANNEL_VECTORS_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <hwy/highway.h>

#include "margay/model/fused/channel_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace margay::model::fused {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kRowMultiple>;
using Vector = hn::Vec<Floats>;

HWY_INLINE Vector load_vector(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE Vector load_vector(const hwy::bfloat16_t* from) {
  return hn::PromoteTo(Floats(), hn::LoadU(hn::Rebind<hwy::bfloat16_t, Floats>(), from));
}

HWY_INLINE void store_vector(Vector v, float* to) { hn::StoreU(v, Floats(), to); }
/// Rounds to nearest, ties to even; Highway's conversion cuts. NaN that came from bfloat16 or a processor stays NaN.
HWY_INLINE void store_vector(Vector v, hwy::bfloat16_t* to) {
  const hn::RebindToUnsigned<Floats> du;
  const hn::Rebind<std::uint16_t, Floats> du16;
  const auto bits = hn::BitCast(du, v);
  const auto is_odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(bits, hn::Add(is_odd, hn::Set(du, 0x7FFF)));
  hn::StoreU(hn::TruncateTo(du16, hn::ShiftRight<16>(rounded)), du16, reinterpret_cast<std::uint16_t*>(to));
}

/// How vectors inside a row are read and written.
struct Whole {
  template <class T>
  HWY_INLINE Vector load(const T* from) const {
    return load_vector(from);
  }
  template <class T>
  HWY_INLINE void store(Vector v, T* to) const {
    store_vector(v, to);
  }
  HWY_INLINE Vector kept(Vector v) const { return v; }
  HWY_INLINE std::size_t size() const { return hn::Lanes(Floats()); }
};

/// The last n elements, fewer than a vector.
struct First {
  std::size_t n;

  template <class T>
  HWY_INLINE Vector load(const T* from) const {
    HWY_ALIGN T lanes[kRowMultiple] = {};
    std::memcpy(lanes, from, n * sizeof(T));
    return load_vector(lanes);
  }
  template <class T>
  HWY_INLINE void store(Vector v, T* to) const {
    HWY_ALIGN T lanes[kRowMultiple];
    store_vector(v, lanes);
    std::memcpy(to, lanes, n * sizeof(T));
  }
  HWY_INLINE std::size_t size() const { return n; }
  HWY_INLINE Vector kept(Vector v) const { return hn::IfThenElseZero(hn::FirstN(Floats(), n), v); }
};

/// visit(access, element) for every vector of n elements, the last of which may be a part of one.
template <class Visit>
HWY_INLINE void for_each_vector(std::size_t n, const Visit& visit) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) visit(Whole(), i);
  if (i < n) visit(First{n - i}, i);
}

/// visit(access, element, place in its row) for every vector of n elements in rows of `period`, a multiple of
/// kRowMultiple; the last row may be shorter.
template <class Visit>
HWY_INLINE void for_each_vector(std::size_t n, std::size_t period, const Visit& visit) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t row = 0;
  for (; row + period <= n; row += period) {
    for (std::size_t i = 0; i < period; i += lanes) visit(Whole(), row + i, i);
  }
  for_each_vector(n - row, [&](const auto& access, std::size_t i) { visit(access, row + i, i); });
}

/// The two terms of a vector of elements.
struct Terms {
  Vector first;
  Vector second;
};

/// Moves float sums on to the double ones.
HWY_INLINE void flush(const ChannelSums& sums) {
  for (std::size_t i = 0; i < sums.period; ++i) {
    sums.total_first[i] += static_cast<double>(sums.first[i]);
    sums.total_second[i] += static_cast<double>(sums.second[i]);
  }
  std::fill_n(sums.first, sums.period, 0.0F);
  std::fill_n(sums.second, sums.period, 0.0F);
}

HWY_INLINE void add_terms(const Terms& terms, std::size_t i, const ChannelSums& sums) {
  hn::StoreU(hn::Add(hn::LoadU(Floats(), sums.first + i), terms.first), Floats(), sums.first + i);
  hn::StoreU(hn::Add(hn::LoadU(Floats(), sums.second + i), terms.second), Floats(), sums.second + i);
}

/// Rows whose terms are added before they meet the sums, and rows after which float sums become double ones.
constexpr std::size_t kRowsTogether = 4;
constexpr std::size_t kRowsInFloat = 64;

/// Adds the terms of n elements: terms_of(access, element, place in its row). The order depends on n alone.
template <class TermsOf>
HWY_INLINE void add_all_terms(std::size_t n, const ChannelSums& sums, const TermsOf& terms_of) {
  const std::size_t lanes = hn::Lanes(Floats());
  const std::size_t period = sums.period;
  std::size_t row = 0;
  for (std::size_t rows = 0; row + kRowsTogether * period <= n; row += kRowsTogether * period) {
    for (std::size_t i = 0; i < period; i += lanes) {
      const Terms a = terms_of(Whole(), row + i, i);
      const Terms b = terms_of(Whole(), row + period + i, i);
      const Terms c = terms_of(Whole(), row + 2 * period + i, i);
      const Terms d = terms_of(Whole(), row + 3 * period + i, i);
      add_terms({hn::Add(hn::Add(a.first, b.first), hn::Add(c.first, d.first)),
                 hn::Add(hn::Add(a.second, b.second), hn::Add(c.second, d.second))},
                i, sums);
    }
    rows += kRowsTogether;
    if (rows % kRowsInFloat == 0) flush(sums);
  }
  for_each_vector(n - row, period, [&](const auto& access, std::size_t at, std::size_t i) {
    const Terms terms = terms_of(access, row + at, i);
    add_terms({access.kept(terms.first), access.kept(terms.second)}, i, sums);
  });
  flush(sums);
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::model::fused
HWY_AFTER_NAMESPACE();

#endif
