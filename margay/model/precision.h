#pragma once

#include <array>
#include <utility>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <torch/nn/module.h>

namespace margay::model {

/// The number format of convolutions and matrix products. Parameters, losses and statistics stay float32.
enum class Precision { kAuto, kFp32, kBf16, kFp16 };

constexpr auto names(Precision) {
  return std::array{std::pair{Precision::kAuto, "auto"}, std::pair{Precision::kFp32, "fp32"},
                    std::pair{Precision::kBf16, "bf16"}, std::pair{Precision::kFp16, "fp16"}};
}

/// What `wanted` means on a device; never kAuto. Auto is, on a CPU, bf16 where the processor computes it
/// (AMX-BF16 or AVX512-BF16) and fp32 elsewhere; on CUDA, bf16 from compute capability 8 and fp16 below; fp32 on
/// other devices. Throws std::invalid_argument, with the reason, for one that cannot be had.
Precision resolve_precision(Precision wanted, c10::Device device);

/// True where this processor multiplies bfloat16 in hardware.
bool cpu_has_bf16();

/// While it lives, LibTorch's operations on `device` in this thread run in `precision` where that is safe
/// (autocast). Nests; kFp32 switches autocast off inside. Hold it around forward and loss, not backward.
class Autocast {
 public:
  /// precision: any that resolve_precision accepts for the device.
  Autocast(c10::Device device, Precision precision);
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  /// Restores what was before; the outermost one also drops the cached low-precision copies of the weights.
  ~Autocast();

 private:
  c10::DeviceType device_type_;
  bool was_enabled_;
  c10::ScalarType previous_dtype_;
};

/// Stores weights and biases of convolutions and linear layers in the type in which Autocast(precision) computes with
/// them, once, where it would convert them again for every batch. Results under it stay the same bits. For inference
/// only: training needs them in float32. precision: as resolve_precision gives it; kFp32 changes nothing.
void store_weights_in(torch::nn::Module& module, Precision precision);

}  // namespace margay::model
