// Logits of any type as vectors of what they are summed in, and back. Included once for each instruction set.
#if defined(MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_
#undef MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_
#else
#define MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_
#endif

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <c10/util/Half.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace margay::loss::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The vector that logits of type T are computed in.
template <class T>
using Tag = hn::CappedTag<Accumulator<T>, kMaxLanes>;

/// What is loaded at once: one vector or two.
template <class V>
struct Pair {
  V first;
  V second;
};

/// Rounds to bfloat16's 8 bits of significand, to nearest, ties to even (Highway's conversion cuts), in the upper half
/// of each lane; numbers below 2^-126 are cut. Dekker's splitting (1971) with 2^16 + 1: three operations, where
/// rounding the bits takes four. |v| must stay below 2^111. The compiler may not fuse the product with the differences:
/// -ffp-contract=off.
template <class D>
HWY_INLINE auto bfloat16_bits(D d, hn::Vec<D> v) {
  const auto shifted = hn::Mul(v, hn::Set(d, 65537.0F));
  return hn::BitCast(hn::RebindToUnsigned<D>(), hn::Add(shifted, hn::Sub(v, shifted)));
}

template <class D>
HWY_INLINE void store_vector(D d, hn::Vec<D> v, hn::TFromD<D>* to) {
  hn::StoreU(v, d, to);
}
template <class D>
HWY_INLINE void store_vector(D d, hn::Vec<D> v, hwy::bfloat16_t* to) {
  const hn::Rebind<std::uint16_t, D> du16;
  const auto upper = hn::ShiftRight<16>(bfloat16_bits(d, v));
  hn::StoreU(hn::TruncateTo(du16, upper), du16, reinterpret_cast<std::uint16_t*>(to));
}
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
/// Lane by lane: without instructions for it, Highway's conversions know no infinities and cut instead of rounding.
template <class D>
HWY_INLINE void store_vector(D d, hn::Vec<D> v, hwy::float16_t* to) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  hn::Store(v, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) to[i].bits = c10::Half(lanes[i]).x;
}
template <class D>
HWY_INLINE hn::Vec<D> load_vector(D d, const hwy::float16_t* from) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = c10::Half(from[i].bits, c10::Half::from_bits());
  return hn::Load(d, lanes);
}
#else
template <class D>
HWY_INLINE void store_vector(D /*d*/, hn::Vec<D> v, hwy::float16_t* to) {
  const hn::Rebind<hwy::float16_t, D> df16;
  hn::StoreU(hn::DemoteTo(df16, v), df16, to);
}
template <class D>
HWY_INLINE hn::Vec<D> load_vector(D d, const hwy::float16_t* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), from));
}
#endif
template <class D>
HWY_INLINE hn::Vec<D> load_vector(D d, const hwy::bfloat16_t* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::bfloat16_t, D>(), from));
}
template <class D>
HWY_INLINE hn::Vec<D> load_vector(D d, const hn::TFromD<D>* from) {
  return hn::LoadU(d, from);
}

/// A vector at a time, lanes in memory's order.
struct SameOrder {
  static constexpr std::size_t kVectors = 1;

  template <class D, class T>
  static HWY_INLINE Pair<hn::Vec<D>> load(D d, const T* from) {
    return {load_vector(d, from), hn::Zero(d)};
  }
  template <class D, class T>
  static HWY_INLINE void store(D d, const Pair<hn::Vec<D>>& v, T* to) {
    store_vector(d, v.first, to);
  }
  /// `to` is aligned to a vector of D.
  template <class D, class T>
  static HWY_INLINE void stream(D d, const Pair<hn::Vec<D>>& v, T* to) {
    if constexpr (std::is_same_v<T, hn::TFromD<D>>) {
      hn::Stream(v.first, d, to);
    } else {
      store_vector(d, v.first, to);
    }
  }
  template <class D>
  static HWY_INLINE Pair<hn::Mask<D>> first(D d, std::size_t n) {
    return {hn::FirstN(d, n), hn::FirstN(d, 0)};
  }
  template <class D>
  static HWY_INLINE Pair<hn::Mask<D>> all_but_first(D d, std::size_t n) {
    return {hn::Not(hn::FirstN(d, n)), hn::FirstN(d, 0)};
  }
};

/// bfloat16, two vectors at a time: the even elements and the odd ones. Widening is then one operation for a vector,
/// and narrowing two for both, where keeping the order takes six.
struct EvenOdd {
  static constexpr std::size_t kVectors = 2;

  template <class D>
  static HWY_INLINE Pair<hn::Vec<D>> load(D d, const hwy::bfloat16_t* from) {
    const hn::RebindToUnsigned<D> du;
    const auto both = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(from));
    return {hn::BitCast(d, hn::ShiftLeft<16>(both)), hn::BitCast(d, hn::And(both, hn::Set(du, 0xFFFF0000U)))};
  }
  template <class D>
  static HWY_INLINE void store(D d, const Pair<hn::Vec<D>>& v, hwy::bfloat16_t* to) {
    hn::StoreU(packed(d, v), hn::RebindToUnsigned<D>(), reinterpret_cast<std::uint32_t*>(to));
  }
  template <class D>
  static HWY_INLINE void stream(D d, const Pair<hn::Vec<D>>& v, hwy::bfloat16_t* to) {
    hn::Stream(packed(d, v), hn::RebindToUnsigned<D>(), reinterpret_cast<std::uint32_t*>(to));
  }
  template <class D>
  static HWY_INLINE Pair<hn::Mask<D>> first(D d, std::size_t n) {
    return {hn::FirstN(d, (n + 1) / 2), hn::FirstN(d, n / 2)};
  }
  template <class D>
  static HWY_INLINE Pair<hn::Mask<D>> all_but_first(D d, std::size_t n) {
    const Pair<hn::Mask<D>> mask = first(d, n);
    return {hn::Not(mask.first), hn::Not(mask.second)};
  }

 private:
  template <class D>
  static HWY_INLINE auto packed(D d, const Pair<hn::Vec<D>>& v) {
    const auto even = hn::ShiftRight<16>(bfloat16_bits(d, v.first));
    return hn::OrAnd(even, bfloat16_bits(d, v.second), hn::Set(hn::RebindToUnsigned<D>(), 0xFFFF0000U));
  }
};

/// The order that costs least where no second array must be in step.
template <class T>
using FastOrder = std::conditional_t<std::is_same_v<T, hwy::bfloat16_t> && std::endian::native == std::endian::little,
                                     EvenOdd, SameOrder>;

/// Writes -inf.
template <class T>
void fill_with_impossible(T* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, hwy::bfloat16_t>) {
      to[i].bits = 0xFF80;
    } else if constexpr (std::is_same_v<T, hwy::float16_t>) {
      to[i].bits = 0xFC00;
    } else {
      to[i] = -std::numeric_limits<T>::infinity();
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::loss::kernels
HWY_AFTER_NAMESPACE();

#endif
