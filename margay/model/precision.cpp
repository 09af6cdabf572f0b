#include "margay/model/precision.h"

#include <stdexcept>

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/DeviceGuard.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/options.h"
#include "margay/model/torch_compat.h"

namespace margay::model {

c10::Device find_device(const std::string& name) {
  if (name == "auto") return torch::cuda::is_available() ? c10::kCUDA : c10::kCPU;
  const bool is_known = name == "cpu" || name == "cuda" || name.starts_with("cuda:");
  if (!is_known) throw std::invalid_argument(fmt::format("[device] '{}' is none of auto, cpu, cuda, cuda:N", name));
  if (name != "cpu" && !torch::cuda::is_available()) {
    throw std::invalid_argument("[device] there is no CUDA device here, or LibTorch was built without CUDA; use cpu");
  }
  return c10::Device(name);
}

namespace {

bool has_cuda(c10::Device device) {
  const auto devices = static_cast<int>(torch::cuda::device_count());  // 0 in a build without CUDA
  return device.index() < devices && devices > 0;
}

/// True from compute capability 8 on, where tensor cores know bfloat16.
bool cuda_has_bf16(c10::Device device) {
  const c10::DeviceGuard guard(device);
  return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

[[noreturn]] void refuse(Precision wanted, c10::Device device, const char* reason) {
  throw std::invalid_argument(
      fmt::format("[resolve_precision] {} on {}: {}", core::to_text(wanted), device.str(), reason));
}

Precision resolve_on_cuda(Precision wanted, c10::Device device) {
  if (!has_cuda(device)) refuse(wanted, device, "there is no such device, or LibTorch was built without CUDA");
  if (wanted == Precision::kFp32 || wanted == Precision::kFp16) return wanted;
  if (cuda_has_bf16(device)) return Precision::kBf16;
  if (wanted == Precision::kBf16) refuse(wanted, device, "needs compute capability 8.0 or newer; fp16 works");
  return Precision::kFp16;
}

Precision resolve_on_cpu(Precision wanted, c10::Device device) {
  if (wanted == Precision::kFp16) refuse(wanted, device, "CPUs train in fp32 or bf16 only");
  if (wanted != Precision::kAuto) return wanted;  // bf16 works without hardware too, slowly
  return cpu_has_bf16() ? Precision::kBf16 : Precision::kFp32;
}

}  // namespace

bool cpu_has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;  // processors with AMX-BF16 have it as well
#else
  return false;
#endif
}

Precision resolve_precision(Precision wanted, c10::Device device) {
  if (device.is_cpu()) return resolve_on_cpu(wanted, device);
  if (device.is_cuda()) return resolve_on_cuda(wanted, device);
  if (wanted == Precision::kAuto || wanted == Precision::kFp32) return Precision::kFp32;
  refuse(wanted, device, "only CPU and CUDA devices compute in lower precision");
}

Autocast::Autocast(c10::Device device, Precision precision)
    : device_type_(device.type()),
      was_enabled_(compat::autocast_enabled(device_type_)),
      previous_dtype_(compat::autocast_dtype(device_type_)) {
  const Precision resolved = resolve_precision(precision, device);
  at::autocast::increment_nesting();
  compat::set_autocast_enabled(device_type_, resolved != Precision::kFp32);
  if (resolved == Precision::kFp32) return;
  compat::set_autocast_dtype(device_type_, resolved == Precision::kBf16 ? at::kBFloat16 : at::kHalf);
}

Autocast::~Autocast() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  compat::set_autocast_enabled(device_type_, was_enabled_);
  compat::set_autocast_dtype(device_type_, previous_dtype_);
}

namespace {

bool is_computed_in_low_precision(const torch::nn::Module& module) {
  return module.as<torch::nn::Conv2dImpl>() != nullptr || module.as<torch::nn::LinearImpl>() != nullptr;
}

}  // namespace

void store_weights_in(torch::nn::Module& module, Precision precision) {
  if (precision != Precision::kBf16 && precision != Precision::kFp16) return;
  const auto type = precision == Precision::kBf16 ? torch::kBFloat16 : torch::kHalf;
  const torch::NoGradGuard no_grad;
  for (const auto& each : module.modules(/*include_self=*/false)) {
    if (!is_computed_in_low_precision(*each)) continue;
    for (torch::Tensor& own : each->parameters(/*recurse=*/false)) {
      own.set_requires_grad(false);
      own.set_data(own.to(type));
    }
  }
}

}  // namespace margay::model
