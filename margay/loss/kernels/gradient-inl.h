// The gradient of a block, from its exponentials. Included once for each instruction set.
#if defined(MARGAY_LOSS_KERNELS_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MARGAY_LOSS_KERNELS_GRADIENT_INL_H_
#undef MARGAY_LOSS_KERNELS_GRADIENT_INL_H_
#else
#define MARGAY_LOSS_KERNELS_GRADIENT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include <hwy/highway.h>

#include "margay/loss/kernels/block_kernel.h"
#include "margay/loss/kernels/load_store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::loss::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// How far ahead the gradient's memory is fetched. Without it the stores wait for it: a gradient of 16 MB takes twice
/// as long.
constexpr std::size_t kWritePrefetchBytes = 4096;

/// Highway's Prefetch is for reading.
HWY_INLINE void prefetch_to_write(const void* address) { __builtin_prefetch(address, 1, 3); }

/// Stores value(e, at) for vectors of exponentials and the places of the block they belong to, unit after unit, the
/// last one overlapping; a block shorter than a unit goes through a buffer.
template <class Order, class T, class Value, class Store>
HWY_INLINE void write_block(const Accumulator<T>* exps, std::size_t n, T* out, const Value& value,
                            const Store& store_unit) {
  const Tag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t unit = Order::kVectors * lanes;
  const auto values = [&](std::size_t e, std::size_t at) {
    Pair<hn::Vec<Tag<T>>> v{value(hn::LoadU(d, exps + e), at), hn::Zero(d)};
    if constexpr (Order::kVectors == 2) v.second = value(hn::LoadU(d, exps + e + lanes), at + lanes);
    return v;
  };
  if (n < unit) {
    HWY_ALIGN T padded[kPadding];
    Order::store(d, values(0, 0), padded);
    std::copy_n(padded, n, out);
    return;
  }
  std::size_t i = 0;
  for (; i + unit <= n; i += unit) store_unit(values(i, i), out + i);
  if (i < n) Order::store(d, values(i, n - unit), out + n - unit);
}

/// exps · factor - uniform, however it is stored.
template <class T, class Store>
HWY_INLINE void plain_gradient(const Accumulator<T>* e, std::size_t n, Accumulator<T> factor, Accumulator<T> uniform,
                               T* out, const Store& store_unit) {
  const Tag<T> d;
  const auto f = hn::Set(d, factor);
  const auto u = hn::Set(d, uniform);
  write_block<FastOrder<T>>(
      e, n, out, [&](auto exp, std::size_t /*at*/) { return hn::MulSub(exp, f, u); }, store_unit);
}

template <class T>
void gradient(const Accumulator<T>* e, std::size_t n, Accumulator<T> factor, Accumulator<T> uniform, T* out) {
  plain_gradient(e, n, factor, uniform, out, [](const auto& v, T* to) {
    prefetch_to_write(reinterpret_cast<const char*>(to) + kWritePrefetchBytes);
    FastOrder<T>::store(Tag<T>(), v, to);
  });
}

template <class T>
void stream_gradient(const Accumulator<T>* e, std::size_t n, Accumulator<T> factor, Accumulator<T> uniform, T* out) {
  const std::size_t vector_bytes = hn::Lanes(Tag<T>()) * sizeof(Accumulator<T>);
  if (reinterpret_cast<std::uintptr_t>(out) % vector_bytes != 0) return gradient(e, n, factor, uniform, out);
  plain_gradient(e, n, factor, uniform, out, [](const auto& v, T* to) { FastOrder<T>::stream(Tag<T>(), v, to); });
}

template <class T>
void weighted_gradient(const Accumulator<T>* e, std::size_t n, Accumulator<T> factor, Accumulator<T> uniform,
                       const Accumulator<T>* c, Accumulator<T> c_factor, T* out) {
  const Tag<T> d;
  const auto f = hn::Set(d, factor);
  const auto u = hn::Set(d, uniform);
  const auto cf = hn::Set(d, c_factor);
  HWY_ALIGN Accumulator<T> padded_c[kPadding] = {};
  if (n < hn::Lanes(d)) c = std::copy_n(c, n, padded_c) - n;
  write_block<SameOrder>(
      e, n, out,
      [&](auto exp, std::size_t at) { return hn::NegMulAdd(hn::LoadU(d, c + at), cf, hn::MulSub(exp, f, u)); },
      [&](const auto& v, T* to) { SameOrder::store(d, v, to); });
}

}  // namespace HWY_NAMESPACE
}  // namespace margay::loss::kernels
HWY_AFTER_NAMESPACE();

#endif
