#include "margay/train/micro_batch/sum_tree.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {

SumTree::SumTree(std::int64_t micro_batches) : micro_batches_(micro_batches) {
  if (micro_batches < 1) {
    throw std::invalid_argument(fmt::format("[SumTree] micro_batches must be at least 1, got {}", micro_batches));
  }
}

std::int64_t SumTree::second_child(MicroRange node) {
  return node.begin + static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(node.size() - 1)));
}

bool SumTree::is_node(MicroRange range) const {
  MicroRange node = root();
  while (node != range && node.size() > 1) {
    const std::int64_t second = second_child(node);
    if (range.begin < second && range.end > second) return false;
    (range.begin < second ? node.end : node.begin) = second;
  }
  return node == range;
}

namespace {

void add_nodes_within(MicroRange node, MicroRange range, std::vector<MicroRange>& found) {
  if (node.end <= range.begin || node.begin >= range.end) return;
  if (node.begin >= range.begin && node.end <= range.end) return found.push_back(node);
  const std::int64_t second = SumTree::second_child(node);
  add_nodes_within({node.begin, second}, range, found);
  add_nodes_within({second, node.end}, range, found);
}

}  // namespace

std::vector<MicroRange> SumTree::nodes_within(MicroRange range) const {
  std::vector<MicroRange> found;
  add_nodes_within(root(), range, found);
  return found;
}

std::vector<MicroRange> micro_ranges(std::int64_t micro_batches, int world) {
  if (micro_batches % world != 0) {
    throw std::invalid_argument(fmt::format(
        "[distributed] {} processes must divide the number of `micro_batches`, which is {}", world, micro_batches));
  }
  const std::int64_t each = micro_batches / world;
  std::vector<MicroRange> ranges;
  for (std::int64_t rank = 0; rank < world; ++rank) ranges.push_back({rank * each, (rank + 1) * each});
  return ranges;
}

}  // namespace margay::train
