#pragma once

#include <cstddef>
#include <cstdint>

#include <hwy/base.h>

namespace margay::model::fused {

/// One of the up to nine pixels that a window of 3x3 covers, or of the up to four windows that cover a pixel.
struct WindowPixel {
  std::ptrdiff_t offset;  ///< to its channels, elements
  std::int32_t place;     ///< the pixel's in the window: 0 … 8, row by row
};

/// The inner loops of max pooling 3x3 over the channels of one pixel; T: float or hwy::bfloat16_t.
template <class T>
struct PoolKernel {
  /// y = the largest of `count` >= 1 pixels, the first of equal ones; NaN is larger than everything. places: uint8 [C],
  /// which one it was, or null.
  void (*largest)(const T* x, const WindowPixel* pixels, std::size_t count, std::size_t channels, T* y,
                  std::uint8_t* places);
  /// x_gradient = Σ of `count` windows' gradients where the window's place is this pixel's; offsets are in `gradient`
  /// and `places`.
  void (*gather)(const T* gradient, const std::uint8_t* places, const WindowPixel* windows, std::size_t count,
                 std::size_t channels, T* x_gradient);
};

/// The kernel for the best instruction set of this machine.
template <class T>
PoolKernel<T> pool_kernel();
template <>
PoolKernel<float> pool_kernel<float>();
template <>
PoolKernel<hwy::bfloat16_t> pool_kernel<hwy::bfloat16_t>();

}  // namespace margay::model::fused
