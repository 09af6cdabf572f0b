#pragma once

#include <cstddef>
#include <cstring>

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>
#include <torch/version.h>

#if TORCH_VERSION_MAJOR >= 2
#include <ATen/ops/scaled_dot_product_attention.h>
#else
#include <cmath>

#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#endif

/// Everything that differs between the supported LibTorch versions, and nothing else.
namespace margay::model::compat {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)

inline bool autocast_enabled(at::DeviceType device) { return at::autocast::is_autocast_enabled(device); }
inline void set_autocast_enabled(at::DeviceType device, bool on) { at::autocast::set_autocast_enabled(device, on); }
inline at::ScalarType autocast_dtype(at::DeviceType device) { return at::autocast::get_autocast_dtype(device); }
inline void set_autocast_dtype(at::DeviceType device, at::ScalarType dtype) {
  at::autocast::set_autocast_dtype(device, dtype);
}

#else  // before 2.4 every device had functions of its own; the nameless ones are CUDA's

inline bool autocast_enabled(at::DeviceType device) {
  return device == at::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
}
inline void set_autocast_enabled(at::DeviceType device, bool on) {
  device == at::kCPU ? at::autocast::set_cpu_enabled(on) : at::autocast::set_enabled(on);
}
inline at::ScalarType autocast_dtype(at::DeviceType device) {
  return device == at::kCPU ? at::autocast::get_autocast_cpu_dtype() : at::autocast::get_autocast_gpu_dtype();
}
inline void set_autocast_dtype(at::DeviceType device, at::ScalarType dtype) {
  device == at::kCPU ? at::autocast::set_autocast_cpu_dtype(dtype) : at::autocast::set_autocast_gpu_dtype(dtype);
}

#endif

/// Whether attention is one operator, which takes no memory for the products.
#if TORCH_VERSION_MAJOR >= 2
constexpr bool kFusesAttention = true;
#else
constexpr bool kFusesAttention = false;
#endif

/// softmax(q k^T / sqrt(d) + bias) v, without dropout: Vaswani et al., "Attention Is All You Need", 2017.
/// q, k, v: float [...,T,d], fastest where they are contiguous; bias: float, of a shape that expands to [...,T,T], or
/// undefined. Returns [...,T,d].
inline at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& bias = {}) {
#if TORCH_VERSION_MAJOR >= 2
  if (bias.defined()) return at::scaled_dot_product_attention(q, k, v, bias.to(q.scalar_type()));
  return at::scaled_dot_product_attention(q, k, v);
#else
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));  // on q, which is smaller than the products
  at::Tensor logits = at::matmul(q * scale, k.transpose(-2, -1));       // [...,T,T]
  if (bias.defined()) logits = logits.add_(bias);
  return at::matmul(at::softmax(logits, -1), v);
#endif
}

/// A CPU allocator for all versions: in 2.x allocate() is no longer const, and there is copy_data(). These three are
/// not marked `override`, because in each version one of them overrides nothing.
class CpuAllocator : public at::Allocator {
 public:
  virtual at::DataPtr take(std::size_t bytes) const = 0;

  virtual at::DataPtr allocate(std::size_t bytes) const { return take(bytes); }
  virtual at::DataPtr allocate(std::size_t bytes) { return take(bytes); }
  virtual void copy_data(void* to, const void* from, std::size_t bytes) const { std::memcpy(to, from, bytes); }
};

}  // namespace margay::model::compat
