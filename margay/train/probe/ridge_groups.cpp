#include "margay/train/probe/ridge_groups.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include <torch/types.h>

namespace margay::train {

std::vector<RidgeGroups> chunks_of(const torch::Tensor& groups, const torch::Tensor& wanted, std::int64_t chunk,
                                   std::int64_t largest) {
  const auto* const group = groups.data_ptr<std::int64_t>();
  const auto of_group = static_cast<std::size_t>(groups.max().item<std::int64_t>() + 1);
  std::vector<std::int64_t> sizes(of_group);
  std::vector<bool> is_wanted(of_group);
  for (std::int64_t i = 0; i < groups.size(0); ++i) {
    ++sizes[static_cast<std::size_t>(group[i])];
    if (wanted.data_ptr<bool>()[i]) is_wanted[static_cast<std::size_t>(group[i])] = true;
  }
  const auto size_of = [&](std::int64_t i) { return sizes[static_cast<std::size_t>(group[i])]; };
  std::vector<std::int64_t> order(static_cast<std::size_t>(groups.size(0)));
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](std::int64_t i) { return !is_wanted[static_cast<std::size_t>(group[i])]; });
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::pair(size_of(a), group[a]) < std::pair(size_of(b), group[b]);
  });
  std::vector<RidgeGroups> chunks;
  for (auto at = order.begin(); at != order.end();) {
    const std::int64_t size = size_of(*at);
    const bool has_room = !chunks.empty() && chunks.back().size == size && size <= largest &&
                          static_cast<std::int64_t>(chunks.back().positions.size()) + size <= chunk;
    if (!has_room) chunks.push_back({.positions = {}, .size = size});
    chunks.back().positions.insert(chunks.back().positions.end(), at, at + size);
    at += size;
  }
  return chunks;
}

}  // namespace margay::train
