#include "margay/model/graph/graph.h"

#include <functional>
#include <numeric>
#include <variant>

namespace margay::model {
namespace {

std::int64_t count(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

/// Multiply-adds for each number of the result.
struct MacsOfEach {
  const Graph& graph;
  const Node& node;

  const Shape& input(std::size_t i) const { return graph.shape(node.inputs.at(i)); }

  /// Each meets the weights of one channel.
  std::int64_t operator()(const op::Convolution& /*conv*/) const { return count(input(1)) / input(1).at(0); }
  std::int64_t operator()(const op::Linear& /*linear*/) const { return input(1).at(1); }
  std::int64_t operator()(const op::MatrixProduct& /*product*/) const { return input(0).back(); }
  template <class Other>
  std::int64_t operator()(const Other& /*other*/) const {
    return 0;
  }
};

}  // namespace

Shape with_batch(Shape shape, std::int64_t images) {
  for (std::int64_t& size : shape) {
    if (size == kAnySize) size = images;
  }
  return shape;
}

std::int64_t macs_of(const Graph& graph, const Node& node) {
  return std::visit(MacsOfEach{graph, node}, node.operation) * count(with_batch(graph.shape(node.output), 1));
}

std::vector<std::vector<std::size_t>> consumers_of(const Graph& graph) {
  std::vector<std::vector<std::size_t>> consumers(graph.values.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId input : graph.nodes[i].inputs) consumers.at(input).push_back(i);
  }
  return consumers;
}

}  // namespace margay::model
