#include "margay/loss/kernels/block_kernel.h"

#include "margay/core/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "margay/loss/kernels/block_kernel.cpp"  // compiled once for each instruction set
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "margay/loss/kernels/exps-inl.h"
#include "margay/loss/kernels/gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace margay::loss::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void finish_streaming() { hwy::FlushStream(); }

template <class T>
BlockKernel<T> kernel() {
  return {exps<T>,         exps_and_distance<T>, exps_and_weighted_distance<T>,
          gradient<T>,     stream_gradient<T>,   weighted_gradient<T>,
          finish_streaming};
}

BlockKernel<float> float_kernel() { return kernel<float>(); }
BlockKernel<double> double_kernel() { return kernel<double>(); }
BlockKernel<hwy::bfloat16_t> bfloat16_kernel() { return kernel<hwy::bfloat16_t>(); }
BlockKernel<hwy::float16_t> float16_kernel() { return kernel<hwy::float16_t>(); }

}  // namespace HWY_NAMESPACE
}  // namespace margay::loss::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace margay::loss::kernels {

HWY_EXPORT(float_kernel);
HWY_EXPORT(double_kernel);
HWY_EXPORT(bfloat16_kernel);
HWY_EXPORT(float16_kernel);

template <>
BlockKernel<float> block_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(float_kernel)();
}
template <>
BlockKernel<double> block_kernel<double>() {
  return HWY_DYNAMIC_DISPATCH(double_kernel)();
}
template <>
BlockKernel<hwy::bfloat16_t> block_kernel<hwy::bfloat16_t>() {
  return HWY_DYNAMIC_DISPATCH(bfloat16_kernel)();
}
template <>
BlockKernel<hwy::float16_t> block_kernel<hwy::float16_t>() {
  return HWY_DYNAMIC_DISPATCH(float16_kernel)();
}

}  // namespace margay::loss::kernels
#endif
