#pragma once

#include <ATen/autocast_mode.h>
#include <torch/version.h>

/// All that differs between the LibTorch versions we build with, and nothing else.
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

}  // namespace margay::model::compat
