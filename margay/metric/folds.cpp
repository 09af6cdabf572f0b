#include "margay/metric/folds.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"

namespace margay::metric {

torch::Tensor numbered_groups(const torch::Tensor& groups, std::int64_t images) {
  if (!groups.defined()) return torch::arange(images);
  if (groups.dim() != 1 || groups.size(0) != images || groups.scalar_type() != torch::kLong) {
    throw std::invalid_argument(fmt::format("[groups] groups must be int64 [N] for {} images, got {} {}", images,
                                            c10::toString(groups.scalar_type()), c10::str(groups.sizes())));
  }
  const torch::Tensor values = groups.contiguous();
  torch::Tensor numbers = torch::empty_like(values);
  std::unordered_map<std::int64_t, std::int64_t> number_of;
  for (std::int64_t i = 0; i < images; ++i) {
    const auto next = static_cast<std::int64_t>(number_of.size());
    numbers.data_ptr<std::int64_t>()[i] = number_of.try_emplace(values.data_ptr<std::int64_t>()[i], next).first->second;
  }
  return numbers;
}

torch::Tensor deal_folds(const torch::Tensor& groups, std::int64_t num_groups, std::int64_t num_folds,
                         std::uint64_t seed) {
  const torch::Tensor counts = torch::bincount(groups, {}, num_groups);
  const auto* const sizes = counts.data_ptr<std::int64_t>();
  std::vector<std::size_t> order = core::permutation(static_cast<std::size_t>(num_groups), core::Random({seed}));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  std::vector<std::int64_t> dealt(static_cast<std::size_t>(std::min(num_folds, num_groups)), 0);
  std::vector<std::int64_t> fold_of_group(order.size());
  for (const std::size_t group : order) {
    const auto least = std::min_element(dealt.begin(), dealt.end());
    *least += sizes[group];
    fold_of_group[group] = least - dealt.begin();
  }
  return torch::tensor(fold_of_group).index_select(0, groups);
}

}  // namespace margay::metric
