#include "margay/model/graph/graph_builder.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <torch/nn/modules/container/any.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/graph/layer.h"
#include "margay/model/graph/shapes.h"
#include "margay/model/packed_convolution.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

std::string joined(const std::string& path, const std::string& name, const char* between = ".") {
  return path.empty() ? name : path + between + name;
}

/// LibTorch's name of a step.
struct UsualName {
  std::string operator()(const op::Convolution& /*op*/) const { return "conv2d"; }
  std::string operator()(const op::BatchNorm& /*op*/) const { return "batch_norm"; }
  std::string operator()(const op::Linear& /*op*/) const { return "linear"; }
  std::string operator()(const op::LayerNorm& /*op*/) const { return "layer_norm"; }
  std::string operator()(const op::Activation& activation) const {
    using Function = op::Activation::Function;
    switch (activation.function) {
      case Function::kRelu:
        return "relu";
      case Function::kRelu6:
        return "relu6";
      case Function::kGelu:
      case Function::kGeluTanh:
        return "gelu";
      case Function::kSilu:
        return "silu";
      case Function::kHardswish:
        return "hardswish";
      case Function::kHardsigmoid:
        return "hardsigmoid";
      default:
        return "sigmoid";
    }
  }
  std::string operator()(const op::Pool& pool) const {
    return pool.of == op::Pool::Of::kMaximum ? "max_pool2d" : "avg_pool2d";
  }
  std::string operator()(const op::AdaptivePool& pool) const {
    return pool.of == op::Pool::Of::kMaximum ? "adaptive_max_pool2d" : "adaptive_avg_pool2d";
  }
  std::string operator()(const op::Mean& /*op*/) const { return "mean"; }
  std::string operator()(const op::Add& /*op*/) const { return "add"; }
  std::string operator()(const op::Multiply& /*op*/) const { return "mul"; }
  std::string operator()(const op::MatrixProduct& /*op*/) const { return "matmul"; }
  std::string operator()(const op::Softmax& /*op*/) const { return "softmax"; }
  std::string operator()(const op::Concat& /*op*/) const { return "cat"; }
  std::string operator()(const op::Slice& /*op*/) const { return "slice"; }
  std::string operator()(const op::Reshape& /*op*/) const { return "reshape"; }
  std::string operator()(const op::Transpose& /*op*/) const { return "permute"; }
  std::string operator()(const op::Pad& /*op*/) const { return "constant_pad_nd"; }
  std::string operator()(const op::Roll& /*op*/) const { return "roll"; }
  std::string operator()(const op::TakeRows& /*op*/) const { return "index_select"; }
  std::string operator()(const op::RepeatForBatch& /*op*/) const { return "expand"; }
  std::string operator()(const op::Dropout& /*op*/) const { return "dropout"; }
  std::string operator()(const op::StochasticDepth& /*op*/) const { return "stochastic_depth"; }
};

}  // namespace

GraphBuilder::GraphBuilder(torch::nn::Module& network, Shape images) : network_(network) {
  learn_paths(network, "");
  graph_.images = add_value({.name = unique("images"), .shape = std::move(images)});
  graph_.features = graph_.images;
}

void GraphBuilder::learn_paths(const torch::nn::Module& module, const std::string& path) {
  paths_.emplace(&module, path);
  for (const auto& child : module.named_children()) learn_paths(*child.value(), joined(path, child.key()));
}

const std::string& GraphBuilder::path_of(const torch::nn::Module& module) const {
  const auto found = paths_.find(&module);
  MARGAY_CHECK(found != paths_.end(), fmt::format("{} belongs to the network that is described", module.name()));
  return found->second;
}

std::string GraphBuilder::unique(const std::string& name) {
  std::string numbered = name;
  for (int number = 2; !names_.insert(numbered).second; ++number) numbered = fmt::format("{}_{}", name, number);
  return numbered;
}

ValueId GraphBuilder::add_value(GraphValue value) {
  graph_.values.push_back(std::move(value));
  return graph_.values.size() - 1;
}

ValueId GraphBuilder::add_node(Node node, const std::string& value_name) {
  if (node.name.empty()) node.name = std::visit(UsualName{}, node.operation);
  std::vector<Shape> inputs;
  for (const ValueId input : node.inputs) inputs.push_back(shape(input));
  try {
    node.output = add_value({.name = unique(value_name), .shape = result_shape(node.operation, inputs)});
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("[{}] {}", value_name, error.what()));
  }
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().output;
}

ValueId GraphBuilder::add_layer(const torch::nn::Module& module, op::Operation operation, std::vector<ValueId> inputs,
                                Storage storage) {
  return add_node({.operation = std::move(operation), .inputs = std::move(inputs), .storage = storage},
                  path_of(module));
}

std::int64_t GraphBuilder::size(ValueId value, std::int64_t dimension) const {
  const Shape& sizes = shape(value);
  return sizes.at(
      static_cast<std::size_t>(dimension < 0 ? dimension + static_cast<std::int64_t>(sizes.size()) : dimension));
}

ValueId GraphBuilder::step(op::Operation operation, std::vector<ValueId> inputs, Storage storage, std::string name) {
  if (name.empty()) name = std::visit(UsualName{}, operation);
  const std::string value_name = joined(scope_, name, "/");
  return add_node(
      {.operation = std::move(operation), .inputs = std::move(inputs), .name = std::move(name), .storage = storage},
      value_name);
}

ValueId GraphBuilder::relu(ValueId x, Storage storage) {
  return step(op::Activation{op::Activation::Function::kRelu}, {x}, storage);
}

ValueId GraphBuilder::activation(ValueId x, op::Activation::Function function) {
  return step(op::Activation{function}, {x});
}

ValueId GraphBuilder::reshape(ValueId x, Shape sizes, Storage storage) {
  return step(op::Reshape{std::move(sizes)}, {x}, storage);
}

ValueId GraphBuilder::unbind(ValueId x, std::int64_t i) {
  Shape sizes = shape(x);
  sizes.erase(sizes.begin());
  return reshape(step(op::Slice{0, i, 1}, {x}, Storage::kView), sizes);
}

const Node* GraphBuilder::transposed_by(ValueId x) const {
  const auto found =
      std::find_if(graph_.nodes.rbegin(), graph_.nodes.rend(), [&](const Node& node) { return node.output == x; });
  const bool is_transposed = found != graph_.nodes.rend() && std::holds_alternative<op::Transpose>(found->operation);
  return is_transposed ? &*found : nullptr;
}

ValueId GraphBuilder::permute(ValueId x, Shape order) {
  if (const Node* first = transposed_by(x)) {
    const std::vector<std::int64_t>& before = std::get<op::Transpose>(first->operation).order;
    bool is_undone = first->storage == Storage::kView;
    for (std::size_t i = 0; i < order.size(); ++i) {
      is_undone = is_undone && before.at(static_cast<std::size_t>(order[i])) == static_cast<std::int64_t>(i);
    }
    if (is_undone) return first->inputs.front();
  }
  return step(op::Transpose{std::move(order)}, {x}, Storage::kView);
}

/// Features are channels-last in memory, so that their numbers must be moved unless there is one place or channel.
ValueId GraphBuilder::flatten(ValueId x) {
  const Shape& sizes = shape(x);
  std::int64_t features = 1;
  std::int64_t places = 1;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    features = sizes[i] == kAnySize || features == kAnySize ? kAnySize : features * sizes[i];
    if (i > 1) places *= sizes[i];
  }
  const bool is_view = places == 1 || sizes.at(1) == 1;
  return step(op::Reshape{{sizes.front(), features}}, {x}, is_view ? Storage::kView : Storage::kNew, "flatten");
}

/// One operator of newer LibTorch, which never keeps all logits.
ValueId GraphBuilder::attention(ValueId q, ValueId k, ValueId v, std::optional<ValueId> bias) {
  const bool is_fused = compat::kFusesAttention;
  const Storage inner = is_fused ? Storage::kFused : Storage::kNew;
  const double scale = 1 / std::sqrt(static_cast<double>(size(q, -1)));
  Shape order;
  for (std::size_t i = 0; i < shape(k).size(); ++i) order.push_back(static_cast<std::int64_t>(i));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  const auto options = torch::TensorOptions(network_.parameters().front().device()).dtype(torch::kFloat);
  const ValueId scaled = step(op::Multiply{}, {q, constant("scale", torch::full({}, scale, options))}, inner);
  ValueId logits = step(op::MatrixProduct{}, {scaled, permute(k, order)}, inner);
  if (bias) logits = step(op::Add{}, {logits, *bias}, is_fused ? Storage::kFused : Storage::kOver);
  const auto last = static_cast<std::int64_t>(shape(logits).size()) - 1;
  const ValueId weights = step(op::Softmax{last}, {logits}, inner);
  return step(op::MatrixProduct{}, {weights, v}, Storage::kNew, is_fused ? "scaled_dot_product_attention" : "");
}

ValueId GraphBuilder::parameter(const torch::nn::Module& owner, const std::string& name) {
  const std::string full_name = joined(path_of(owner), name);
  const auto found = tensors_.find(full_name);
  if (found != tensors_.end()) return found->second;
  const auto parameters = owner.named_parameters(/*recurse=*/false);
  const torch::Tensor* own = parameters.find(name);
  const auto buffers = owner.named_buffers(/*recurse=*/false);
  if (own == nullptr) own = buffers.find(name);
  MARGAY_CHECK(own != nullptr, fmt::format("{} is a parameter or buffer", full_name));
  const ValueId value = add_value({.name = unique(full_name), .shape = own->sizes().vec(), .tensor = *own});
  tensors_.emplace(full_name, value);
  return value;
}

ValueId GraphBuilder::constant(const std::string& name, const at::Tensor& tensor) {
  return add_value({.name = unique(joined(scope_, name, "/")), .shape = tensor.sizes().vec(), .tensor = tensor});
}

/// Such as a transposition that the next one undid.
void GraphBuilder::drop_unused_nodes() {
  std::vector<bool> is_used(graph_.values.size(), false);
  is_used.at(graph_.logits) = true;
  std::vector<Node> used;
  for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
    if (!is_used.at(node->output)) continue;
    for (const ValueId input : node->inputs) is_used.at(input) = true;
    used.push_back(std::move(*node));
  }
  graph_.nodes.assign(std::make_move_iterator(used.rbegin()), std::make_move_iterator(used.rend()));
}

Graph GraphBuilder::finish(ValueId logits) {
  graph_.logits = logits;
  drop_unused_nodes();
  if (logits != graph_.images) graph_.values.at(logits).name = "logits";
  return std::move(graph_);
}

namespace {

/// Puts a layer in the place of another among the children of its parent; none: takes that one out.
void exchange_child(torch::nn::Module& parent, const std::string& name,
                    const std::shared_ptr<torch::nn::Module>& layer) {
  if (layer == nullptr) {
    parent.unregister_module(name);
  } else {
    parent.replace_module(name, layer);
  }
}

/// For a module's member.
template <class Holder>
auto setter_of(Holder& member) {
  return [&member](const std::shared_ptr<torch::nn::Module>& layer) {
    using Layer = typename Holder::ContainedType;
    member = layer == nullptr ? Holder(nullptr) : Holder(std::dynamic_pointer_cast<Layer>(layer));
  };
}

torch::nn::Module& module_at(torch::nn::Module& network, const std::string& path) {
  torch::nn::Module* module = &network;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    module = module->named_children()[path.substr(begin, end - begin)].get();
    begin = end + 1;
  }
  return *module;
}

}  // namespace

void GraphBuilder::keep_place(torch::nn::Module& layer, SetLayer set, std::shared_ptr<torch::nn::Module> idle) {
  const std::string& path = path_of(layer);
  const std::size_t dot = path.rfind('.');
  const std::string parent = dot == std::string::npos ? "" : path.substr(0, dot);
  const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
  const auto put = [owner = &module_at(network_, parent), name, set = std::move(set),
                    idle = std::move(idle)](const std::shared_ptr<torch::nn::Module>& other) {
    const std::shared_ptr<torch::nn::Module>& next = other == nullptr ? idle : other;
    exchange_child(*owner, name, next);
    set(next);
  };
  places_[graph_.nodes.size() - 1] = {.path = path, .layer = layer.shared_from_this(), .put = put};
}

ValueId GraphBuilder::convolution(ValueId x, torch::nn::Conv2d& conv) {
  x = convolution(x, *conv);
  keep_place(*conv, setter_of(conv));
  return x;
}

ValueId GraphBuilder::batch_norm(ValueId x, torch::nn::BatchNorm2d& norm) {
  if (norm.is_empty()) return x;
  x = batch_norm(x, *norm);
  keep_place(*norm, setter_of(norm));
  return x;
}

ValueId GraphBuilder::batch_norm_relu(ValueId x, torch::nn::BatchNorm2d& norm, std::optional<ValueId> residual) {
  const Storage storage = norm.is_empty() ? Storage::kOver : Storage::kFused;
  x = batch_norm(x, norm);
  if (residual) x = step(op::Add{}, {x, *residual}, storage);
  return relu(x, storage);
}

ValueId GraphBuilder::layer(ValueId x, torch::nn::Module& module) {
  const std::string outer = std::exchange(scope_, path_of(module));
  if (auto* described = dynamic_cast<DescribedLayer*>(&module)) {
    x = described->describe(*this, x);
  } else if (auto* layers = module.as<torch::nn::SequentialImpl>()) {
    x = sequential(x, *layers);
  } else if (const auto found = torch_layer(x, module)) {
    x = *found;
  } else {
    throw std::invalid_argument(
        fmt::format("[describe] {} is a {}, which does not describe its layers", scope_, module.name()));
  }
  scope_ = outer;
  return x;
}

namespace {

/// For a layer of a Sequential: a convolution, or an identity, which takes the place of what is left out, so that the
/// numbers of the layers stay.
auto setter_of(torch::nn::AnyModule& layer) {
  return [&layer](const std::shared_ptr<torch::nn::Module>& other) {
    if (auto packed = std::dynamic_pointer_cast<PackedConv2dImpl>(other)) {
      layer = torch::nn::AnyModule(std::move(packed));
    } else if (auto conv = std::dynamic_pointer_cast<torch::nn::Conv2dImpl>(other)) {
      layer = torch::nn::AnyModule(std::move(conv));
    } else {
      layer = torch::nn::AnyModule(std::dynamic_pointer_cast<torch::nn::IdentityImpl>(other));
    }
  };
}

}  // namespace

ValueId GraphBuilder::sequential(ValueId x, torch::nn::SequentialImpl& layers) {
  for (torch::nn::AnyModule& each : layers) {
    const std::shared_ptr<torch::nn::Module> module = each.ptr();
    x = layer(x, *module);
    const bool is_conv = module->as<torch::nn::Conv2dImpl>() != nullptr;
    const bool is_norm = module->as<torch::nn::BatchNorm2dImpl>() != nullptr;
    if (is_conv || is_norm) keep_place(*module, setter_of(each), std::make_shared<torch::nn::IdentityImpl>());
  }
  return x;
}

}  // namespace margay::model
