#include "margay/data/loader/batch.h"

#include <torch/types.h>

namespace margay::data {

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
