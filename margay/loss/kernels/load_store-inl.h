// Logits of any type as vectors of what they are summed in, and back. Included once for each instruction set.
#if defined(MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_
#undef MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_
#else
#define MARGAY_LOSS_KERNELS_LOAD_STORE_INL_H_
#endif

#include <bit>
#include <cstdint>
#include <cstring>
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

/// float16_t is a type of the compiler on some machines, a struct on others.
template <class T>
void set_bits(T& to, std::uint16_t bits) {
  std::memcpy(&to, &bits, sizeof(bits));
}
template <class T>
std::uint16_t bits_of(const T& from) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, &from, sizeof(bits));
  return bits;
}

/// What is loaded at once: one vector or two.
template <class V>
struct Pair {
  V first;
  V second;
};

/// Rounds to bfloat16, to nearest, ties to even (Highway's conversion cuts); the result stands in the upper half of
/// each lane. Of a NaN only its canonical bit patterns are sure to stay one.
template <class D>
HWY_INLINE auto bfloat16_bits(D /*d*/, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, v);
  const auto is_odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  return hn::Add(bits, hn::Add(is_odd, hn::Set(du, 0x7FFF)));
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
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR || (HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2)
/// Lane by lane: without instructions for it (F16C comes with AVX2), Highway's conversions take infinity and NaN for
/// finite numbers and cut instead of rounding.
template <class D>
HWY_INLINE void store_vector(D d, hn::Vec<D> v, hwy::float16_t* to) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  hn::Store(v, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) set_bits(to[i], c10::Half(lanes[i]).x);
}
template <class D>
HWY_INLINE hn::Vec<D> load_vector(D d, const hwy::float16_t* from) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = c10::Half(bits_of(from[i]), c10::Half::from_bits());
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
    if constexpr (sizeof(T) == sizeof(std::uint16_t)) {
      set_bits(to[i], std::is_same_v<T, hwy::bfloat16_t> ? 0xFF80 : 0xFC00);
    } else {
      to[i] = -std::numeric_limits<T>::infinity();
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::loss::kernels
HWY_AFTER_NAMESPACE();

#endif
