#pragma once

#include <cstddef>

#include <hwy/base.h>

namespace margay::model::fused {

/// Numbers per channel, spread to the elements of a row (channel_passes.h): [period] each.
struct ChannelLine {
  const float* scale;
  const float* shift;
};

/// The coefficients of a row's gradient: scale · g + slope · (x - mean) + shift.
struct GradientLine {
  const float* scale;
  const float* slope;
  const float* mean;
  const float* shift;
};

/// Two sums per channel, [period] each: in float over a few rows, in double over all.
struct ChannelSums {
  float* first;
  float* second;
  double* total_first;
  double* total_second;
  std::size_t period;
};

/// The elements that are kept: all, or only those above 0 (ReLU). Gradients pass through kept elements.
enum class Kept { kAll, kPositive };

/// The inner loops of a batch norm over n elements of T (float or hwy::bfloat16_t), channels fastest, beginning with a
/// row. Everything is computed in float.
template <class T>
struct ChannelKernel {
  /// Adds Σ (x - pivot) and Σ (x - pivot)².
  void (*add_moments)(const T* x, std::size_t n, const float* pivot, const ChannelSums& sums);
  /// y = f(x · scale + shift), f as `kept` says. y may be x.
  void (*normalise)(const T* x, std::size_t n, const ChannelLine& line, std::size_t period, Kept kept, T* y);
  /// y = f(x · scale + shift + residual). y may be x.
  void (*normalise_and_add)(const T* x, const T* residual, std::size_t n, const ChannelLine& line, std::size_t period,
                            Kept kept, T* y);
  /// Adds Σ g and Σ g (x - mean), where g is the gradient of what is kept of x · scale + shift.
  void (*add_gradients)(const T* gradient, const T* x, std::size_t n, const ChannelLine& line, Kept kept,
                        const float* mean, const ChannelSums& sums);
  /// The same for g kept where y > 0, which is written to `masked`.
  void (*mask_and_add_gradients)(const T* gradient, const T* x, const T* y, std::size_t n, const float* mean,
                                 const ChannelSums& sums, T* masked);
  /// out = line(g, x), g as in add_gradients.
  void (*write_gradients)(const T* gradient, const T* x, std::size_t n, const ChannelLine& line, Kept kept,
                          const GradientLine& gradient_line, std::size_t period, T* out);
};

/// The length of a row is a multiple of this.
constexpr std::size_t kRowMultiple = 16;

/// The kernel for the best instruction set of this machine.
template <class T>
ChannelKernel<T> channel_kernel();
template <>
ChannelKernel<float> channel_kernel<float>();
template <>
ChannelKernel<hwy::bfloat16_t> channel_kernel<hwy::bfloat16_t>();

}  // namespace margay::model::fused
