#pragma once

#include <array>
#include <string>
#include <utility>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <torch/nn/module.h>

namespace margay::model {

/// The device called "auto", "cpu", "cuda" or "cuda:N". Throws std::invalid_argument for another name or a device that
/// does not exist.
c10::Device find_device(const std::string& name);

/// The number format of convolutions and matrix products. Parameters, losses and statistics stay float32.
enum class Precision { kAuto, kFp32, kBf16, kFp16 };

constexpr auto names(Precision) {
  return std::array{std::pair{Precision::kAuto, "auto"}, std::pair{Precision::kFp32, "fp32"},
                    std::pair{Precision::kBf16, "bf16"}, std::pair{Precision::kFp16, "fp16"}};
}

/// Resolves `wanted` for a device; the result is never kAuto. Auto is, on a CPU, bf16 if the processor computes it
/// (AMX-BF16 or AVX512-BF16) and otherwise fp32; on CUDA, bf16 from compute capability 8 and fp16 below; on other
/// devices fp32. Throws std::invalid_argument, with the reason, for a precision that is not available.
Precision resolve_precision(Precision wanted, c10::Device device);

/// Whether this processor multiplies bfloat16 in hardware.
bool cpu_has_bf16();

/// During its lifetime LibTorch's operators on `device` run in `precision` in this thread where that is safe
/// (autocast). It can be nested; kFp32 switches autocast off. Use it around forward and loss, not backward.
class Autocast {
 public:
  /// precision: any that resolve_precision accepts for the device.
  Autocast(c10::Device device, Precision precision);
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  /// Restores the previous setting; the outermost one also drops the cached low-precision copies of the weights.
  ~Autocast();

 private:
  c10::DeviceType device_type_;
  bool was_enabled_;
  c10::ScalarType previous_dtype_;
};

/// Converts weights and biases of convolutions and linear layers once to the type that Autocast(precision) computes
/// with, which would otherwise convert them for every batch. Results under Autocast stay the same bits. For inference
/// only: training needs them in float32. precision: as resolve_precision gives it; kFp32 changes nothing.
void store_weights_in(torch::nn::Module& module, Precision precision);

}  // namespace margay::model
