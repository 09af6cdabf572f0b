#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <torch/types.h>

#include "margay/train/optim/rules/span_passes.h"

namespace margay::train {
namespace detail {

/// Elements that are converted at a time: their float gradients stay in the first cache.
inline constexpr std::int64_t kHalfLength = 1 << 11;

template <class T>
void widen(const T* from, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]);
}

template <class T>
void round(const float* from, T* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(from[i]);
}

/// Where the parameter is not its rounded master, somebody has changed it (loaded weights, say), and is believed.
template <class T>
void follow(const T* parameter, float* master, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<float>(parameter[i]);
    master[i] = static_cast<float>(static_cast<T>(master[i])) == value ? master[i] : value;
  }
}

inline float* plus(float* pointer, std::int64_t offset) { return pointer == nullptr ? nullptr : pointer + offset; }

template <class T, class Call>
SquareSums step_half_span(const rules::Spans& spans, T* parameter, const T* gradient, const Call& call) {
  std::array<float, kHalfLength> wide;
  SquareSums sums;
  for (std::int64_t i = 0; i < spans.n; i += kHalfLength) {
    const std::int64_t n = std::min(kHalfLength, spans.n - i);
    float* const master = spans.parameter + i;
    follow(parameter + i, master, n);
    widen(gradient + i, wide.data(), n);
    const SquareSums part =
        call({master, wide.data(), plus(spans.avg, i), plus(spans.sqr_avg, i), plus(spans.slow, i), n});
    sums.parameter += part.parameter;
    sums.measured += part.measured;
    round(master, parameter + i, n);
  }
  return sums;
}

}  // namespace detail

/// Calls call(Spans) for part after part of a parameter in bfloat16 or float16 whose float32 master is
/// spans.parameter: with its gradient as float32, and afterwards rounds the master into it. begin: where the spans
/// begin in parameter and gradient. Returns the sum of what the calls return.
template <class Call>
SquareSums step_half_span(const rules::Spans& spans, const at::Tensor& parameter, const at::Tensor& gradient,
                          std::int64_t begin, const Call& call) {
  const auto with = [&]<class T>(T* data) {
    return detail::step_half_span(spans, data + begin, gradient.data_ptr<T>() + begin, call);
  };
  return parameter.scalar_type() == torch::kHalf ? with(parameter.data_ptr<c10::Half>())
                                                 : with(parameter.data_ptr<c10::BFloat16>());
}

}  // namespace margay::train
