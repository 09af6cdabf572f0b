#pragma once

#include <type_traits>

#include <hwy/base.h>
#include <torch/types.h>

namespace margay::model::fused {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

/// Whether the kernels of this folder can take it: float32 or bfloat16 [N,C,H,W] on the CPU, channels-last, not empty.
inline bool is_fusable(const torch::Tensor& x) {
  return x.device().is_cpu() && x.layout() == torch::kStrided && x.dim() == 4 && x.numel() > 0 &&
         (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16) && x.is_contiguous(kChannelsLast);
}

template <class T>
using TorchType = std::conditional_t<std::is_same_v<T, hwy::bfloat16_t>, c10::BFloat16, float>;

/// The elements as the kernels know them; null for an undefined tensor.
template <class T>
T* elements(const torch::Tensor& tensor) {
  return tensor.defined() ? reinterpret_cast<T*>(tensor.data_ptr<TorchType<T>>()) : nullptr;
}

/// Calls work(T()) with the kernels' type for the elements of a fusable tensor.
template <class Work>
auto with_type_of(const torch::Tensor& x, const Work& work) {
  return x.scalar_type() == torch::kBFloat16 ? work(hwy::bfloat16_t()) : work(float());
}

}  // namespace margay::model::fused
