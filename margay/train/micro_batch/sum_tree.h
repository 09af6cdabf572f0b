#pragma once

#include <cstdint>
#include <vector>

namespace margay::train {

/// The micro-batches begin … end - 1 of a batch.
struct MicroRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  bool operator==(const MicroRange&) const = default;
  auto operator<=>(const MicroRange&) const = default;
};

/// The order in which the gradients of a batch's micro-batches are added: a binary tree over all of them, in which a
/// node of n micro-batches is the sum of its first p, the largest power of two below n, and the rest (pairwise
/// summation: Higham, "Accuracy and Stability of Numerical Algorithms", 2002, 4.2). The order depends on their number
/// alone, not on who computes them.
class SumTree {
 public:
  /// Throws std::invalid_argument unless micro_batches is at least 1.
  explicit SumTree(std::int64_t micro_batches);

  std::int64_t micro_batches() const { return micro_batches_; }
  MicroRange root() const { return {0, micro_batches_}; }
  /// Where the second child of a node of at least two begins.
  static std::int64_t second_child(MicroRange node);
  bool is_node(MicroRange range) const;
  /// The largest nodes within the range, in order: what can be added up without knowing the others.
  std::vector<MicroRange> nodes_within(MicroRange range) const;

 private:
  std::int64_t micro_batches_;
};

/// The micro-batches of each process, by rank. Throws std::invalid_argument unless `world` divides their number.
std::vector<MicroRange> micro_ranges(std::int64_t micro_batches, int world);

}  // namespace margay::train
