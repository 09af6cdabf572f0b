#include "margay/model/packed_convolution.h"

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <c10/core/GradMode.h>
#include <torch/utils.h>

#include "margay/model/classifier.h"
#include "margay/model/graph/graph_builder.h"

namespace margay::model {
namespace {

/// Of TorchScript's frozen modules, from 1.8 on. Nothing where LibTorch was built without oneDNN.
auto find_operator(const char* name) { return c10::Dispatcher::singleton().findSchema({name, ""}); }

const auto& packing_operator() {
  static const auto found = find_operator("mkldnn_prepacked::conv2d_prepack");
  return found;
}

const auto& running_operator() {
  static const auto found = find_operator("mkldnn_prepacked::conv2d_run");
  return found;
}

bool can_pack() {
  return at::globalContext().userEnabledMkldnn() && packing_operator().has_value() && running_operator().has_value();
}

/// [1,C,H,W], or nothing where an image is too small for oneDNN.
std::vector<std::int64_t> shape_of_one(const Shape& shape) {
  constexpr std::int64_t kLeastNumbers = 20'480;
  if (shape.size() != 4 || shape[1] * shape[2] * shape[3] <= kLeastNumbers) return {};
  return {1, shape[1], shape[2], shape[3]};
}

c10::IValue packed_weights(const torch::nn::Conv2dImpl& conv, const op::Convolution& how,
                           const std::vector<std::int64_t>& shape) {
  const auto list = [](const std::array<std::int64_t, 2>& pair) { return std::vector(pair.begin(), pair.end()); };
  torch::jit::Stack stack;
  stack.emplace_back(conv.weight);
  stack.emplace_back(conv.bias.defined() ? c10::IValue(conv.bias) : c10::IValue());
  stack.emplace_back(list(how.stride));
  stack.emplace_back(list(how.padding));
  stack.emplace_back(list(how.dilation));
  stack.emplace_back(how.groups);
  stack.emplace_back(shape);
  stack.emplace_back(std::string("none"));  // no activation behind it
  packing_operator()->callBoxed(stack);
  return stack.back();
}

bool is_float_on_cpu(const torch::Tensor& weight) {
  return weight.device().is_cpu() && weight.scalar_type() == torch::kFloat;
}

void pack(const GraphBuilder& builder, std::size_t node, const LayerPlace& place) {
  const auto* how = std::get_if<op::Convolution>(&builder.graph().nodes.at(node).operation);
  const auto* conv = place.layer->as<torch::nn::Conv2dImpl>();
  if (how == nullptr || conv == nullptr || !is_float_on_cpu(conv->weight)) return;
  std::vector<std::int64_t> shape = shape_of_one(builder.shape(builder.graph().nodes.at(node).inputs.front()));
  if (shape.empty()) return;
  c10::IValue packed = packed_weights(*conv, *how, shape);
  place.put(std::make_shared<PackedConv2dImpl>(*conv, std::move(shape), std::move(packed)));
}

}  // namespace

PackedConv2dImpl::PackedConv2dImpl(const Conv2dImpl& conv, std::vector<std::int64_t> shape, c10::IValue packed)
    : Conv2dImpl(conv), shape_(std::move(shape)), packed_(std::move(packed)) {
  // As in fold_batch_norms: what is registered is copied in LibTorch 2, and not before.
  parameters_.clear();
  weight = register_parameter("weight", conv.weight, /*requires_grad=*/false);
  bias = register_parameter("bias", conv.bias, /*requires_grad=*/false);
  eval();
}

torch::Tensor PackedConv2dImpl::forward(const torch::Tensor& x) {
  const bool is_packed_for = !c10::GradMode::is_enabled() && x.sizes() == at::IntArrayRef(shape_) && is_float_on_cpu(x);
  if (!is_packed_for) return Conv2dImpl::forward(x);
  torch::jit::Stack stack{x, packed_};
  running_operator()->callBoxed(stack);
  return stack.back().toTensor();
}

torch::Tensor convolve(torch::nn::Conv2d& conv, const torch::Tensor& x) {
  auto* const packed = dynamic_cast<PackedConv2dImpl*>(conv.get());
  return packed != nullptr ? packed->forward(x) : conv->forward(x);
}

void pack_convolutions(Classifier& classifier, std::int64_t px) {
  if (!can_pack()) return;
  const torch::NoGradGuard no_grad;
  GraphBuilder builder(classifier, {kAnySize, classifier.options().in_channels, px, px});
  try {
    builder.layer(builder.images(), classifier);
  } catch (const std::invalid_argument&) {  // whoever predicts is told by the network itself
    return;
  }
  for (const auto& [node, place] : builder.places()) pack(builder, node, place);
}

}  // namespace margay::model
