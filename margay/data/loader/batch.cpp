#include "margay/data/loader/batch.h"

#include <cstdlib>
#include <stdexcept>

#include <ATen/Context.h>
#include <torch/types.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

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

void keep_image_memory() {
#ifdef __GLIBC__
  constexpr int kMib = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 32 * kMib);  // the most that glibc allows
  mallopt(M_TRIM_THRESHOLD, 64 * kMib);
#endif
}

at::Tensor batch_targets(const Dataset& dataset, std::span<const std::size_t> ids) {
  const auto n = static_cast<std::int64_t>(ids.size());
  const bool is_multi = dataset.task() == Task::kMultiLabel;
  if (!is_multi) {
    const torch::Tensor targets = torch::empty({n}, torch::kLong);
    auto* out = targets.data_ptr<std::int64_t>();
    for (const std::size_t id : ids) *out++ = dataset.target(id);
    return targets;
  }
  const torch::Tensor targets = torch::zeros({n, dataset.num_classes()}, torch::kFloat);
  auto* row = targets.data_ptr<float>();
  for (const std::size_t id : ids) {
    for (const std::int64_t index : dataset.classes(id)) row[index] = 1;
    row += dataset.num_classes();
  }
  return targets;
}

}  // namespace margay::data
