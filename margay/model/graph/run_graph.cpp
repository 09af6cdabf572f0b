#include "margay/model/graph/run_graph.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <tuple>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/functional/padding.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::model {
namespace {

using Tensors = std::vector<at::Tensor>;

at::Tensor apply(op::Activation::Function function, const at::Tensor& x) {
  using Function = op::Activation::Function;
  switch (function) {
    case Function::kRelu:
      return torch::relu(x);
    case Function::kRelu6:
      return torch::clamp(x, 0, 6);
    case Function::kGelu:
      return torch::gelu(x);
    case Function::kGeluTanh:
      return torch::gelu(x, "tanh");
    case Function::kSilu:
      return torch::silu(x);
    case Function::kHardswish:
      return torch::hardswish(x);
    case Function::kHardsigmoid:
      return torch::hardsigmoid(x);
    default:
      return torch::sigmoid(x);
  }
}

/// One overload an operation: its result from its inputs.
struct Run {
  const Tensors& in;

  const at::Tensor& x() const { return in.at(0); }
  at::Tensor maybe(std::size_t i) const { return i < in.size() ? in[i] : at::Tensor(); }

  at::Tensor operator()(const op::Convolution& conv) const {
    return torch::conv2d(x(), in.at(1), maybe(2), conv.stride, conv.padding, conv.dilation, conv.groups);
  }
  at::Tensor operator()(const op::BatchNorm& norm) const {
    const bool is_of_batch = in.size() < 5;
    return torch::batch_norm(x(), in.at(1), in.at(2), maybe(3), maybe(4), is_of_batch, 0.0, norm.eps, false);
  }
  at::Tensor operator()(const op::Linear& /*linear*/) const { return torch::linear(x(), in.at(1), maybe(2)); }
  at::Tensor operator()(const op::LayerNorm& norm) const {
    return torch::layer_norm(x(), {x().size(-1)}, in.at(1), in.at(2), norm.eps, false);
  }
  at::Tensor operator()(const op::ResponseNorm& norm) const {
    const at::Tensor lengths = x().square().sum({1, 2}, /*keepdim=*/true).sqrt();  // [N,1,1,C]
    const at::Tensor n = lengths / (lengths.mean(-1, /*keepdim=*/true) + norm.eps);
    return in.at(1) * (x() * n) + in.at(2) + x();
  }
  at::Tensor operator()(const op::Activation& activation) const { return apply(activation.function, x()); }
  at::Tensor operator()(const op::Pool& pool) const {
    if (pool.of == op::Pool::Of::kMaximum) {
      return torch::max_pool2d(x(), pool.kernel, pool.stride, pool.padding, 1, pool.rounds_up);
    }
    const bool counts_padding = pool.of == op::Pool::Of::kMeanWithPadding;
    return torch::avg_pool2d(x(), pool.kernel, pool.stride, pool.padding, pool.rounds_up, counts_padding);
  }
  at::Tensor operator()(const op::AdaptivePool& pool) const {
    const std::array<std::int64_t, 2> size{pool.side, pool.side};
    if (pool.of == op::Pool::Of::kMaximum) return std::get<0>(torch::adaptive_max_pool2d(x(), size));
    return torch::adaptive_avg_pool2d(x(), size);
  }
  at::Tensor operator()(const op::Mean& mean) const { return x().mean(mean.dimension); }
  at::Tensor operator()(const op::Add& /*add*/) const { return x() + in.at(1); }
  at::Tensor operator()(const op::Multiply& /*multiply*/) const { return x() * in.at(1); }
  at::Tensor operator()(const op::MatrixProduct& /*product*/) const { return torch::matmul(x(), in.at(1)); }
  at::Tensor operator()(const op::Softmax& softmax) const { return torch::softmax(x(), softmax.dimension); }
  at::Tensor operator()(const op::Concat& concat) const { return torch::cat(in, concat.dimension); }
  at::Tensor operator()(const op::Slice& slice) const { return x().narrow(slice.dimension, slice.start, slice.length); }
  at::Tensor operator()(const op::Reshape& reshape) const { return x().reshape(reshape.sizes); }
  at::Tensor operator()(const op::Transpose& transpose) const { return x().permute(transpose.order); }
  /// LibTorch counts from the last dimension.
  at::Tensor operator()(const op::Pad& pad) const {
    std::vector<std::int64_t> sizes;
    for (std::size_t i = pad.before.size(); i-- > 0;) sizes.insert(sizes.end(), {pad.before[i], pad.behind.at(i)});
    return torch::constant_pad_nd(x(), sizes);
  }
  at::Tensor operator()(const op::Roll& roll) const { return x().roll(roll.shifts, roll.dimensions); }
  at::Tensor operator()(const op::TakeRows& /*rows*/) const { return x().index_select(0, in.at(1).to(torch::kLong)); }
  at::Tensor operator()(const op::RepeatForBatch& /*repeat*/) const {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(x().dim()), -1);
    sizes.at(0) = in.at(1).size(0);
    return x().expand(sizes);
  }
  at::Tensor operator()(const op::Dropout& /*dropout*/) const { return x(); }
  at::Tensor operator()(const op::StochasticDepth& /*depth*/) const { return x(); }
};

/// How many nodes still need each value, so that its memory can go.
std::vector<std::size_t> count_uses(const Graph& graph) {
  std::vector<std::size_t> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (const ValueId input : node.inputs) ++uses.at(input);
  }
  ++uses.at(graph.logits);
  return uses;
}

/// Weights may be kept in half of the bits; whole numbers stay.
at::Tensor in_dtype_of(const at::Tensor& images, const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_floating_point() ? tensor.to(images.scalar_type()) : tensor;
}

void check_graph_images(const Graph& graph, const at::Tensor& images) {
  const Shape expected = with_batch(graph.shape(graph.images), images.dim() > 0 ? images.size(0) : 0);
  if (images.is_floating_point() && images.sizes().vec() == expected) return;
  throw std::invalid_argument(
      fmt::format("[run_graph] images must be float {}, got {}", graph.shape(graph.images), images.sizes().vec()));
}

}  // namespace

at::Tensor run_graph(const Graph& graph, const at::Tensor& images, const ValueListener& listener) {
  check_graph_images(graph, images);
  const torch::NoGradGuard no_grad;
  Tensors values;
  for (const GraphValue& each : graph.values) values.push_back(in_dtype_of(images, each.tensor));
  values.at(graph.images) = images;
  std::vector<std::size_t> uses = count_uses(graph);
  for (const Node& node : graph.nodes) {
    Tensors inputs;
    for (const ValueId input : node.inputs) {
      inputs.push_back(values[input]);
      if (--uses[input] == 0) values[input] = at::Tensor();
    }
    values.at(node.output) = std::visit(Run{inputs}, node.operation);
    if (listener) listener(node.output, values[node.output]);
  }
  return values.at(graph.logits);
}

}  // namespace margay::model
