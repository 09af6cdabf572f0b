#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/train/micro_batch/sum_tree.h"

namespace margay::train {

/// Adds up the gradients of a process's micro-batches, tensor by tensor, in the order of a SumTree. Two sums whose
/// nodes are one node together are added as soon as both are there, so that of V micro-batches about log2(V) sums are
/// kept.
class GradientSum {
 public:
  /// own: the micro-batches of this process. tensors: how many there are.
  GradientSum(const SumTree& tree, MicroRange own, std::size_t tensors);

  /// Takes this tensor of its next micro-batch, from the first to the last one; it is changed.
  void add(std::size_t tensor, at::Tensor gradient);
  /// Whether the last micro-batch's has been added.
  bool has_all(std::size_t tensor) const;
  /// The sums so far, of each node: of those of tree.nodes_within(own), if has_all().
  std::vector<at::Tensor> parts(std::size_t tensor) const;

 private:
  struct NodeSum {
    MicroRange node;
    at::Tensor sum;
  };

  SumTree tree_;
  MicroRange own_;
  std::vector<std::vector<NodeSum>> nodes_;  ///< of each tensor
};

}  // namespace margay::train
