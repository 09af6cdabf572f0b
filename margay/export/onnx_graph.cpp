#include "margay/export/onnx_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::exporting {
namespace {

namespace op = model::op;
using model::ValueId;

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

std::vector<std::int64_t> to_vector(const std::array<std::int64_t, 2>& sides) { return {sides[0], sides[1]}; }

/// The zeros before and behind each side that let windows cover exactly as many places as the graph says, without
/// rounding, about which runtimes differ.
std::vector<std::int64_t> exact_pads(const op::Pool& pool, const model::Shape& from, const model::Shape& to) {
  std::vector<std::int64_t> pads(4);
  for (std::size_t side = 0; side < 2; ++side) {
    const std::int64_t covered = (to[2 + side] - 1) * pool.stride[side] + pool.kernel[side];
    pads[side] = pool.padding[side];
    pads[2 + side] = std::max<std::int64_t>(covered - from[2 + side] - pool.padding[side], 0);
  }
  return pads;
}

/// Adds the nodes of one operation after the other.
class NetworkWriter {
 public:
  NetworkWriter(OnnxBuilder& onnx, const model::Graph& graph)
      : onnx_(onnx), graph_(graph), names_(graph.values.size()) {}

  NetworkValues write(const std::string& images) {
    names_[graph_.images] = images;
    for (const model::Node& node : graph_.nodes) {
      node_ = &node;
      names_[node.output] = std::visit([&](const auto& operation) { return add(operation); }, node.operation);
    }
    return {.logits = names_[graph_.logits], .features = names_[graph_.features]};
  }

 private:
  using Names = OnnxBuilder::Names;
  using Attributes = OnnxBuilder::Attributes;

  /// The value that an input of the node is; tensors of the network become constants where they are first needed.
  const std::string& input(std::size_t i) {
    const ValueId id = node_->inputs.at(i);
    std::string& name = names_[id];
    const model::GraphValue& value = graph_.values[id];
    if (name.empty()) {
      MARGAY_CHECK(value.tensor.defined(), "nothing computes " + value.name);
      name = onnx_.weight(value.name, value.tensor);
    }
    return name;
  }

  Names inputs() {
    Names all;
    for (std::size_t i = 0; i < node_->inputs.size(); ++i) all.push_back(input(i));
    return all;
  }

  const model::Shape& shape(std::size_t i) const { return graph_.shape(node_->inputs.at(i)); }
  const model::Shape& result_shape() const { return graph_.shape(node_->output); }
  std::int64_t rank(std::size_t i) const { return static_cast<std::int64_t>(shape(i).size()); }

  const std::string& name() const { return graph_.values[node_->output].name; }
  std::string step(const char* part) const { return fmt::format("{}/{}", name(), part); }

  std::string node(const char* type, Names from, Attributes attributes = {}) {
    return onnx_.add(type, std::move(from), name(), std::move(attributes));
  }

  [[noreturn]] void refuse(const char* what) const {
    throw core::Error(fmt::format("[export] {} of {} cannot be expressed in ONNX", what, name()));
  }

  std::string add(const op::Convolution& convolution) {
    const auto& [height, width] = convolution.padding;
    return node("Conv", inputs(),
                {{"kernel_shape", to_vector(convolution.kernel)},
                 {"strides", to_vector(convolution.stride)},
                 {"pads", std::vector<std::int64_t>{height, width, height, width}},
                 {"dilations", to_vector(convolution.dilation)},
                 {"group", convolution.groups}});
  }

  std::string add(const op::BatchNorm& norm) {
    if (node_->inputs.size() != 5) refuse("a batch norm without kept statistics");
    return node("BatchNormalization", inputs(), {{"epsilon", static_cast<float>(norm.eps)}});
  }

  /// Gemm where it applies, with the weight as it is published; elsewhere runtimes transpose the constant when they
  /// load it.
  std::string add(const op::Linear& /*linear*/) {
    if (rank(0) == 2) return node("Gemm", inputs(), {{"transB", std::int64_t{1}}});
    const std::string weight =
        onnx_.add("Transpose", {input(1)}, step("weight"), {{"perm", std::vector<std::int64_t>{1, 0}}});
    if (node_->inputs.size() == 2) return node("MatMul", {input(0), weight});
    return node("Add", {onnx_.add("MatMul", {input(0), weight}, step("product")), input(2)});
  }

  std::string add(const op::LayerNorm& norm) {
    return node("LayerNormalization", inputs(),
                {{"axis", std::int64_t{-1}}, {"epsilon", static_cast<float>(norm.eps)}});
  }

  std::string add(const op::ResponseNorm& norm) {
    constexpr std::int64_t kChannels = 3;
    const std::string square = onnx_.add("Mul", {input(0), input(0)}, step("square"));
    const std::string sum =
        onnx_.add("ReduceSum", {square, onnx_.integers({1, 2})}, step("sum"), {{"keepdims", std::int64_t{1}}});
    const std::string lengths = onnx_.add("Sqrt", {sum}, step("lengths"));
    const std::string mean = onnx_.reduce("ReduceMean", lengths, {kChannels}, step("mean"), /*keeps_dimensions=*/true);
    const std::string divisor = onnx_.add("Add", {mean, onnx_.number(static_cast<float>(norm.eps))}, step("divisor"));
    const std::string share = onnx_.add("Div", {lengths, divisor}, step("share"));
    const std::string scaled =
        onnx_.add("Mul", {onnx_.add("Mul", {input(0), share}, step("shared")), input(1)}, step("scaled"));
    return node("Add", {onnx_.add("Add", {scaled, input(2)}, step("shifted")), input(0)});
  }

  /// OpenCV 4.6 to 4.10 take y HardSigmoid(x) for HardSwish(x), whatever y is, unless something stands between them.
  std::string hard_sigmoid(const std::string& x) {
    const std::string gate = onnx_.add("HardSigmoid", {x}, step("hardsigmoid"), {{"alpha", 1.0F / 6}, {"beta", 0.5F}});
    return node("Identity", {gate});
  }

  std::string add(const op::Activation& activation) {
    using Function = op::Activation::Function;
    const std::string x = input(0);
    switch (activation.function) {
      case Function::kRelu:
        return node("Relu", {x});
      case Function::kRelu6:
        return node("Clip", {x, onnx_.number(0), onnx_.number(6)});
      case Function::kGelu:
        return gelu(x);
      case Function::kGeluTanh:
        return gelu_tanh(x);
      case Function::kSilu:
        return node("Mul", {x, onnx_.add("Sigmoid", {x}, step("sigmoid"))});
      case Function::kHardswish:
        return node("HardSwish", {x});
      case Function::kHardsigmoid:
        return hard_sigmoid(x);
      case Function::kSigmoid:
        break;
    }
    return node("Sigmoid", {x});
  }

  /// Gelu itself is an operator from opset 20 on; runtimes recognise these five.
  std::string gelu(const std::string& x) {
    const std::string scaled = onnx_.add("Div", {x, onnx_.number(std::numbers::sqrt2_v<float>)}, step("scaled"));
    const std::string erf = onnx_.add("Erf", {scaled}, step("erf"));
    const std::string twice =
        onnx_.add("Mul", {x, onnx_.add("Add", {erf, onnx_.number(1)}, step("share"))}, step("twice"));
    return node("Mul", {twice, onnx_.number(0.5F)});
  }

  std::string gelu_tanh(const std::string& x) {
    const std::string square = onnx_.add("Mul", {x, x}, step("square"));
    const std::string cube = onnx_.add("Mul", {square, x}, step("cube"));
    const std::string bent =
        onnx_.add("Add", {x, onnx_.add("Mul", {cube, onnx_.number(0.044715F)}, step("bend"))}, step("bent"));
    const float root = static_cast<float>(std::sqrt(2 / std::numbers::pi));
    const std::string tanh =
        onnx_.add("Tanh", {onnx_.add("Mul", {bent, onnx_.number(root)}, step("scaled"))}, step("tanh"));
    const std::string twice =
        onnx_.add("Mul", {x, onnx_.add("Add", {tanh, onnx_.number(1)}, step("share"))}, step("twice"));
    return node("Mul", {twice, onnx_.number(0.5F)});
  }

  std::string add(const op::Pool& pool) {
    const std::vector<std::int64_t> pads = exact_pads(pool, shape(0), result_shape());
    Attributes attributes = {
        {"kernel_shape", to_vector(pool.kernel)}, {"strides", to_vector(pool.stride)}, {"pads", pads}};
    if (pool.of == op::Pool::Of::kMaximum) return node("MaxPool", {input(0)}, std::move(attributes));
    const bool counts_padding = pool.of == op::Pool::Of::kMeanWithPadding;
    if (counts_padding && (pads[2] > pool.padding[0] || pads[3] > pool.padding[1])) {
      refuse("a mean pooling that rounds up and counts its padding");
    }
    attributes.push_back({"count_include_pad", std::int64_t{counts_padding ? 1 : 0}});
    return node("AveragePool", {input(0)}, std::move(attributes));
  }

  std::string add(const op::AdaptivePool& pool) {
    const bool is_mean = pool.of != op::Pool::Of::kMaximum;
    if (pool.side == 1) return node(is_mean ? "GlobalAveragePool" : "GlobalMaxPool", {input(0)});
    const std::int64_t height = shape(0)[2];
    const std::int64_t width = shape(0)[3];
    if (height == pool.side && width == pool.side) return input(0);
    if (height % pool.side == 0 && width % pool.side == 0) {
      const std::vector<std::int64_t> window = {height / pool.side, width / pool.side};
      return node(is_mean ? "AveragePool" : "MaxPool", {input(0)}, {{"kernel_shape", window}, {"strides", window}});
    }
    if (!is_mean) refuse("a maximum over windows of different sizes");
    return mean_of_windows(pool.side, height, width);
  }

  /// The mean over rows, then over columns: products with matrices that hold 1 / the window's side.
  std::string mean_of_windows(std::int64_t side, std::int64_t height, std::int64_t width) {
    const auto shares = [&](std::int64_t size) {
      std::vector<float> matrix(static_cast<std::size_t>(side * size));
      for (std::int64_t i = 0; i < side; ++i) {
        const std::int64_t first = i * size / side;
        const std::int64_t last = ((i + 1) * size + side - 1) / side;
        for (std::int64_t j = first; j < last; ++j) {
          matrix[static_cast<std::size_t>(i * size + j)] = 1.0F / static_cast<float>(last - first);
        }
      }
      return matrix;
    };
    const std::string rows = onnx_.constant(onnx_floats(step("row_shares"), {side, height}, shares(height)));
    const std::string columns = onnx_.constant(onnx_floats(step("column_shares"), {side, width}, shares(width)));
    const std::string turned =
        onnx_.add("Transpose", {columns}, step("columns"), {{"perm", std::vector<std::int64_t>{1, 0}}});
    return node("MatMul", {onnx_.add("MatMul", {rows, input(0)}, step("rows")), turned});
  }

  std::string add(const op::Mean& mean) { return onnx_.reduce("ReduceMean", input(0), {mean.dimension}, name()); }
  std::string add(const op::Add& /*add*/) { return node("Add", inputs()); }
  std::string add(const op::Multiply& /*multiply*/) { return node("Mul", inputs()); }
  std::string add(const op::MatrixProduct& /*product*/) { return node("MatMul", inputs()); }
  std::string add(const op::Softmax& softmax) { return node("Softmax", inputs(), {{"axis", softmax.dimension}}); }
  std::string add(const op::Concat& concat) { return node("Concat", inputs(), {{"axis", concat.dimension}}); }
  std::string add(const op::Slice& slice) {
    return onnx_.slice(input(0), slice.dimension, slice.start, slice.start + slice.length, name());
  }
  /// kAnySize is -1, which ONNX computes from the other sizes.
  std::string add(const op::Reshape& reshape) { return node("Reshape", {input(0), onnx_.integers(reshape.sizes)}); }
  std::string add(const op::Transpose& transpose) { return node("Transpose", inputs(), {{"perm", transpose.order}}); }

  std::string add(const op::Pad& pad) {
    std::vector<std::int64_t> pads = pad.before;
    pads.insert(pads.end(), pad.behind.begin(), pad.behind.end());
    return node("Pad", {input(0), onnx_.integers(pads)});
  }

  std::string add(const op::Roll& roll) {
    std::string x = input(0);
    for (std::size_t i = 0; i < roll.dimensions.size(); ++i) {
      const bool is_last = i + 1 == roll.dimensions.size();
      x = rolled(x, roll.dimensions[i], roll.shifts[i], is_last ? name() : step("rolled"));
    }
    return x;
  }

  std::string rolled(const std::string& x, std::int64_t dimension, std::int64_t by, const std::string& called) {
    const std::int64_t size = shape(0)[static_cast<std::size_t>(dimension)];
    const std::int64_t shift = (by % size + size) % size;
    if (shift == 0) return x;
    const std::string front = onnx_.slice(x, dimension, size - shift, kAll, step("front"));
    const std::string back = onnx_.slice(x, dimension, 0, size - shift, step("back"));
    return onnx_.add("Concat", {front, back}, called, {{"axis", dimension}});
  }

  std::string add(const op::TakeRows& /*take*/) { return node("Gather", inputs(), {{"axis", std::int64_t{0}}}); }

  std::string add(const op::RepeatForBatch& /*repeat*/) {
    const std::string sizes = onnx_.add("Shape", {input(1)}, step("sizes"));
    const std::string batch = onnx_.slice(sizes, 0, 0, 1, step("batch"));
    const std::vector<std::int64_t> ones(static_cast<std::size_t>(rank(0) - 1), 1);
    const std::string target =
        onnx_.add("Concat", {batch, onnx_.integers(ones)}, step("target"), {{"axis", std::int64_t{0}}});
    return node("Expand", {input(0), target});
  }

  std::string add(const op::Dropout& /*dropout*/) { return input(0); }
  std::string add(const op::StochasticDepth& /*depth*/) { return input(0); }

  OnnxBuilder& onnx_;
  const model::Graph& graph_;
  std::vector<std::string> names_;     ///< of the graph's values; "": not there yet
  const model::Node* node_ = nullptr;  ///< the one that is added
};

}  // namespace

NetworkValues add_network(OnnxBuilder& onnx, const model::Graph& graph, const std::string& images) {
  return NetworkWriter(onnx, graph).write(images);
}

}  // namespace margay::exporting
