#pragma once

#include <cstddef>

#include <hwy/base.h>

namespace margay::loss::kernels {

/// The largest error of the exponential where its value is a normal number, in units in the last place of its type.
/// Measured over every float32 from -87.33 to -1e-10: 0.883 with AVX2 and AVX-512; without fused multiply-add it is
/// larger. Below -87.33 (-708 for float64) the value is smaller than the smallest normal number, or 0.
constexpr double kExpErrorUlp = 2;

/// The type in which sums are accumulated.
template <class T>
struct AccumulatorOf {
  using Type = float;
};
template <>
struct AccumulatorOf<double> {
  using Type = double;
};
template <class T>
using Accumulator = typename AccumulatorOf<T>::Type;

/// What one block of a row (n neighbouring logits z) contributes to the row's softmax. m is the largest logit of the
/// block.
template <class A>
struct BlockSums {
  A max;       ///< m, at least the lowest finite number
  A exp;       ///< Σ exp((z - m) / temperature)
  A distance;  ///< kDistanceUnit Σ c (z - m)
  A weight;    ///< Σ c; not computed where no c is given
};

/// Distances are summed in a small unit, because the difference of two finite numbers may be infinite.
constexpr double kDistanceUnit = 0x1p-13;

/// Blocks of more elements could overflow their sum of distances.
constexpr std::size_t kLargestBlock = 2048;

/// Vectors have at most so many elements.
constexpr std::size_t kMaxLanes = 16;

/// The inner loops over one block of one row, for logits of type T (float, double, hwy::bfloat16_t, hwy::float16_t).
/// A block has at least one element. NaN and +inf come out as NaN sums; -inf counts as probability 0.
/// A block's buffer of exponentials needs room for kPadding more than n; they lie there in an order of their own, known
/// to the gradient function of the same kind (weighted or not) for a block of the same length.
template <class T>
struct BlockKernel {
  using A = Accumulator<T>;

  /// Writes exp(z - m) to exps and sums them. distance is not computed.
  BlockSums<A> (*exps)(const T* z, std::size_t n, A* exps);
  /// exp((z - m) / temperature), and the distance.
  BlockSums<A> (*exps_and_distance)(const T* z, std::size_t n, A inverse_temperature, A* exps);
  /// The same weighted by c; where c is 0 a term is 0, whatever z.
  BlockSums<A> (*exps_and_weighted_distance)(const T* z, std::size_t n, A inverse_temperature, A* exps, const A* c);

  /// gradient = exps · factor - uniform.
  void (*gradient)(const A* exps, std::size_t n, A factor, A uniform, T* gradient);
  /// The same past the caches, where the address allows; finish_streaming() must follow.
  void (*stream_gradient)(const A* exps, std::size_t n, A factor, A uniform, T* gradient);
  /// gradient = exps · factor - uniform - c · c_factor.
  void (*weighted_gradient)(const A* exps, std::size_t n, A factor, A uniform, const A* c, A c_factor, T* gradient);
  void (*finish_streaming)();
};

/// Elements that a buffer of exponentials must have beyond what it holds.
constexpr std::size_t kPadding = 2 * kMaxLanes;

/// The kernel for the best instruction set of this machine.
template <class T>
BlockKernel<T> block_kernel();
template <>
BlockKernel<float> block_kernel<float>();
template <>
BlockKernel<double> block_kernel<double>();
template <>
BlockKernel<hwy::bfloat16_t> block_kernel<hwy::bfloat16_t>();
template <>
BlockKernel<hwy::float16_t> block_kernel<hwy::float16_t>();

}  // namespace margay::loss::kernels
