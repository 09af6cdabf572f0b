#include "margay/data/loader/pixel_memory.h"

#include <stdexcept>

#include <ATen/Context.h>
#include <torch/types.h>

namespace margay::data {
namespace {

/// Whether nothing but `tensor` itself looks at its memory any more.
bool is_alone(const at::Tensor& tensor) { return tensor.use_count() == 1 && tensor.storage().use_count() == 1; }

}  // namespace

bool is_pinned(PinMemory choice) {
  const bool has_cuda = at::hasCUDA();
  if (choice == PinMemory::kOn && !has_cuda) {
    throw std::invalid_argument("[loader] pin_memory: there is no CUDA device here; use auto or off");
  }
  return choice != PinMemory::kOff && has_cuda;
}

at::Tensor PixelMemory::take(std::int64_t rows) {
  for (const at::Tensor& each : known_) {
    if (each.size(0) == rows && is_alone(each)) return each;
  }
  at::Tensor pixels =
      torch::empty({rows, shape_.side, shape_.side, 3}, at::TensorOptions(shape_.type).pinned_memory(is_pinned_));
  if (!is_pinned_ && known_.size() < kept_) known_.push_back(pixels);
  return pixels;
}

}  // namespace margay::data
