#include "margay/train/micro_batch/gradient_sum.h"

#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

namespace margay::train {

GradientSum::GradientSum(const SumTree& tree, MicroRange own, std::size_t tensors)
    : tree_(tree), own_(own), nodes_(tensors) {}

void GradientSum::add(std::size_t tensor, at::Tensor gradient) {
  const torch::NoGradGuard no_grad;
  std::vector<NodeSum>& nodes = nodes_[tensor];
  const std::int64_t begin = nodes.empty() ? own_.begin : nodes.back().node.end;
  nodes.push_back({{begin, begin + 1}, std::move(gradient)});
  while (nodes.size() > 1 && tree_.is_node({nodes[nodes.size() - 2].node.begin, nodes.back().node.end})) {
    const NodeSum last = std::move(nodes.back());
    nodes.pop_back();
    nodes.back().sum.add_(last.sum);
    nodes.back().node.end = last.node.end;
  }
}

bool GradientSum::has_all(std::size_t tensor) const {
  return !nodes_[tensor].empty() && nodes_[tensor].back().node.end == own_.end;
}

std::vector<at::Tensor> GradientSum::parts(std::size_t tensor) const {
  std::vector<at::Tensor> parts;
  for (const NodeSum& each : nodes_[tensor]) parts.push_back(each.sum);
  return parts;
}

}  // namespace margay::train
