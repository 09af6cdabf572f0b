#include "margay/model/fused/channel_kernel.h"

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/model/fused/channel_kernel.cpp"  // compiled once for each instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "margay/model/fused/channel_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::model::fused {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE Vector at(const float* line, std::size_t i) { return hn::LoadU(Floats(), line + i); }

/// Also where its gradient is looked for: there it must be the same number.
HWY_INLINE Vector scaled(Vector x, const ChannelLine& line, std::size_t i) {
  return hn::MulAdd(x, at(line.scale, i), at(line.shift, i));
}

/// NaN stays NaN, as in LibTorch's.
template <Kept kKept>
HWY_INLINE Vector rectified(Vector v) {
  if constexpr (kKept == Kept::kAll) return v;
  return hn::IfThenZeroElse(hn::Lt(v, hn::Zero(Floats())), v);
}

/// The gradient where `v` was kept; where it is NaN, too, as in LibTorch's.
template <Kept kKept>
HWY_INLINE Vector masked(Vector gradient, Vector v) {
  if constexpr (kKept == Kept::kAll) return gradient;
  return hn::IfThenZeroElse(hn::Le(v, hn::Zero(Floats())), gradient);
}

template <class T>
void add_moments(const T* x, std::size_t n, const float* pivot, const ChannelSums& sums) {
  add_all_terms(n, sums, [&](const auto& access, std::size_t e, std::size_t i) {
    const Vector distance = hn::Sub(access.load(x + e), at(pivot, i));
    return Terms{distance, hn::Mul(distance, distance)};
  });
}

template <Kept kKept, class T>
void normalise_kept(const T* x, std::size_t n, const ChannelLine& line, std::size_t period, T* y) {
  for_each_vector(n, period, [&](const auto& access, std::size_t e, std::size_t i) {
    access.store(rectified<kKept>(scaled(access.load(x + e), line, i)), y + e);
  });
}
template <class T>
void normalise(const T* x, std::size_t n, const ChannelLine& line, std::size_t period, Kept kept, T* y) {
  if (kept == Kept::kAll) return normalise_kept<Kept::kAll>(x, n, line, period, y);
  normalise_kept<Kept::kPositive>(x, n, line, period, y);
}

template <Kept kKept, class T>
void normalise_and_add_kept(const T* x, const T* residual, std::size_t n, const ChannelLine& line, std::size_t period,
                            T* y) {
  for_each_vector(n, period, [&](const auto& access, std::size_t e, std::size_t i) {
    const Vector sum = hn::Add(scaled(access.load(x + e), line, i), access.load(residual + e));
    access.store(rectified<kKept>(sum), y + e);
  });
}
template <class T>
void normalise_and_add(const T* x, const T* residual, std::size_t n, const ChannelLine& line, std::size_t period,
                       Kept kept, T* y) {
  if (kept == Kept::kAll) return normalise_and_add_kept<Kept::kAll>(x, residual, n, line, period, y);
  normalise_and_add_kept<Kept::kPositive>(x, residual, n, line, period, y);
}

template <Kept kKept, class T>
void add_gradients_kept(const T* gradient, const T* x, std::size_t n, const ChannelLine& line, const float* mean,
                        const ChannelSums& sums) {
  add_all_terms(n, sums, [&](const auto& access, std::size_t e, std::size_t i) {
    const Vector value = access.load(x + e);
    const Vector g = masked<kKept>(access.load(gradient + e), scaled(value, line, i));
    return Terms{g, hn::Mul(g, hn::Sub(value, at(mean, i)))};
  });
}
template <class T>
void add_gradients(const T* gradient, const T* x, std::size_t n, const ChannelLine& line, Kept kept, const float* mean,
                   const ChannelSums& sums) {
  if (kept == Kept::kAll) return add_gradients_kept<Kept::kAll>(gradient, x, n, line, mean, sums);
  add_gradients_kept<Kept::kPositive>(gradient, x, n, line, mean, sums);
}

template <class T>
void mask_and_add_gradients(const T* gradient, const T* x, const T* y, std::size_t n, const float* mean,
                            const ChannelSums& sums, T* masked_gradient) {
  add_all_terms(n, sums, [&](const auto& access, std::size_t e, std::size_t i) {
    const Vector g = masked<Kept::kPositive>(access.load(gradient + e), access.load(y + e));
    access.store(g, masked_gradient + e);
    return Terms{g, hn::Mul(g, hn::Sub(access.load(x + e), at(mean, i)))};
  });
}

template <Kept kKept, class T>
void write_gradients_kept(const T* gradient, const T* x, std::size_t n, const ChannelLine& line,
                          const GradientLine& gradient_line, std::size_t period, T* out) {
  for_each_vector(n, period, [&](const auto& access, std::size_t e, std::size_t i) {
    const Vector value = access.load(x + e);
    const Vector g = masked<kKept>(access.load(gradient + e), scaled(value, line, i));
    const Vector distance = hn::Sub(value, at(gradient_line.mean, i));
    const Vector rest = hn::MulAdd(distance, at(gradient_line.slope, i), at(gradient_line.shift, i));
    access.store(hn::MulAdd(g, at(gradient_line.scale, i), rest), out + e);
  });
}
template <class T>
void write_gradients(const T* gradient, const T* x, std::size_t n, const ChannelLine& line, Kept kept,
                     const GradientLine& gradient_line, std::size_t period, T* out) {
  if (kept == Kept::kAll) return write_gradients_kept<Kept::kAll>(gradient, x, n, line, gradient_line, period, out);
  write_gradients_kept<Kept::kPositive>(gradient, x, n, line, gradient_line, period, out);
}

template <class T>
ChannelKernel<T> kernel() {
  return {add_moments<T>,    normalise<T>, normalise_and_add<T>, add_gradients<T>, mask_and_add_gradients<T>,
          write_gradients<T>};
}

ChannelKernel<float> float_kernel() { return kernel<float>(); }
ChannelKernel<hwy::bfloat16_t> bfloat16_kernel() { return kernel<hwy::bfloat16_t>(); }

}  // namespace HWY_NAMESPACE
}  // namespace margay::model::fused
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::model::fused {

HWY_EXPORT(float_kernel);
HWY_EXPORT(bfloat16_kernel);

template <>
ChannelKernel<float> channel_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(float_kernel)();
}
template <>
ChannelKernel<hwy::bfloat16_t> channel_kernel<hwy::bfloat16_t>() {
  return HWY_DYNAMIC_DISPATCH(bfloat16_kernel)();
}

}  // namespace margay::model::fused
#endif
