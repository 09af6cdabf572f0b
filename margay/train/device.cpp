#include "margay/train/device.h"

#include <stdexcept>

#include <fmt/format.h>
#include <torch/cuda.h>

namespace margay::train {

c10::Device find_device(const std::string& name) {
  if (name == "auto") return torch::cuda::is_available() ? c10::kCUDA : c10::kCPU;
  const bool is_known = name == "cpu" || name == "cuda" || name.starts_with("cuda:");
  if (!is_known) throw std::invalid_argument(fmt::format("[device] '{}' is none of auto, cpu, cuda, cuda:N", name));
  if (name != "cpu" && !torch::cuda::is_available()) {
    throw std::invalid_argument("[device] there is no CUDA device here, or LibTorch was built without CUDA; use cpu");
  }
  return c10::Device(name);
}

}  // namespace margay::train
