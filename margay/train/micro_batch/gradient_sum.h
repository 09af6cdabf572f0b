#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/train/micro_batch/sum_tree.h"

namespace margay::train {

/// One tensor for each of the summed ones, always in the same order. They own their memory.
using Gradients = std::vector<at::Tensor>;

/// The sum over the nodes of a SumTree whose micro-batches this process has computed so far.
struct NodeSum {
  MicroRange node;
  Gradients gradients;
};

/// Adds up the gradients of this process's micro-batches, in the order of a SumTree. Two sums whose nodes are one node
/// together are added as soon as both are there, so that of V micro-batches about log2(V) sums are kept.
class GradientSum {
 public:
  /// own: the micro-batches of this process.
  GradientSum(const SumTree& tree, MicroRange own);

  /// Begins the next micro-batch, of so many tensors.
  void begin(std::size_t tensors);
  /// Takes one tensor of the micro-batch that has begun; it is changed. In any order, each once.
  void set(std::size_t tensor, at::Tensor gradient);
  /// The micro-batch is complete.
  void end();
  /// The sums so far of one tensor, of each node: those of tree.nodes_within(own) when the tensor of the last
  /// micro-batch has been set.
  std::vector<at::Tensor> parts(std::size_t tensor) const;
  /// Whether no micro-batch comes after the one that has begun.
  bool is_at_last() const { return next_ + 1 == own_.end; }

 private:
  /// The sums that are not part of another one yet.
  std::size_t kept() const { return nodes_.size() - merges_; }

  SumTree tree_;
  MicroRange own_;
  std::int64_t next_;
  std::vector<NodeSum> nodes_;
  std::size_t merges_ = 0;  ///< how many sums the micro-batch that has begun ends
};

}  // namespace margay::train
