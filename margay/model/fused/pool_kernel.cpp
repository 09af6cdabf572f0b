#include "margay/model/fused/pool_kernel.h"

#include <limits>

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/model/fused/pool_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "margay/model/fused/channel_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::model::fused {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Places = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;

template <class Access>
HWY_INLINE void store_places(const Access& access, hn::Vec<Places> places, std::uint8_t* to) {
  HWY_ALIGN std::uint8_t lanes[kRowMultiple];
  hn::StoreU(hn::DemoteTo(Bytes(), places), Bytes(), lanes);
  std::memcpy(to, lanes, access.size());
}

template <class Access>
HWY_INLINE hn::Vec<Places> load_places(const Access& access, const std::uint8_t* from) {
  HWY_ALIGN std::uint8_t lanes[kRowMultiple] = {};
  std::memcpy(lanes, from, access.size());
  return hn::PromoteTo(Places(), hn::LoadU(Bytes(), lanes));
}

template <bool kWithPlaces, class T>
HWY_INLINE void largest_of(const T* x, const WindowPixel* pixels, std::size_t count, std::size_t channels, T* y,
                           std::uint8_t* places) {
  const Floats d;
  for_each_vector(channels, [&](const auto& access, std::size_t c) {
    auto most = hn::Set(d, -std::numeric_limits<float>::infinity());
    auto place = hn::Set(Places(), pixels[0].place);
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = access.load(x + pixels[i].offset + c);
      const auto is_larger = hn::Or(hn::Gt(value, most), hn::IsNaN(value));
      most = hn::IfThenElse(is_larger, value, most);
      if constexpr (kWithPlaces) {
        place = hn::IfThenElse(hn::RebindMask(Places(), is_larger), hn::Set(Places(), pixels[i].place), place);
      }
    }
    access.store(most, y + c);
    if constexpr (kWithPlaces) store_places(access, place, places + c);
  });
}

template <class T>
void largest(const T* x, const WindowPixel* pixels, std::size_t count, std::size_t channels, T* y,
             std::uint8_t* places) {
  if (places == nullptr) return largest_of<false>(x, pixels, count, channels, y, places);
  largest_of<true>(x, pixels, count, channels, y, places);
}

template <class T>
void gather(const T* gradient, const std::uint8_t* places, const WindowPixel* windows, std::size_t count,
            std::size_t channels, T* x_gradient) {
  const Floats d;
  for_each_vector(channels, [&](const auto& access, std::size_t c) {
    auto sum = hn::Zero(d);
    for (std::size_t i = 0; i < count; ++i) {
      const auto place = load_places(access, places + windows[i].offset + c);
      const auto is_this = hn::RebindMask(d, hn::Eq(place, hn::Set(Places(), windows[i].place)));
      sum = hn::Add(sum, hn::IfThenElseZero(is_this, access.load(gradient + windows[i].offset + c)));
    }
    access.store(sum, x_gradient + c);
  });
}

PoolKernel<float> float_pool_kernel() { return {largest<float>, gather<float>}; }
PoolKernel<hwy::bfloat16_t> bfloat16_pool_kernel() { return {largest<hwy::bfloat16_t>, gather<hwy::bfloat16_t>}; }

}  // namespace HWY_NAMESPACE
}  // namespace margay::model::fused
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::model::fused {

HWY_EXPORT(float_pool_kernel);
HWY_EXPORT(bfloat16_pool_kernel);

template <>
PoolKernel<float> pool_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(float_pool_kernel)();
}
template <>
PoolKernel<hwy::bfloat16_t> pool_kernel<hwy::bfloat16_t>() {
  return HWY_DYNAMIC_DISPATCH(bfloat16_pool_kernel)();
}

}  // namespace margay::model::fused
#endif
