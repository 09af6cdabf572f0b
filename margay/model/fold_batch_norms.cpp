#include "margay/model/fold_batch_norms.h"

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/utils.h>

#include "margay/model/classifier.h"
#include "margay/model/graph/graph_builder.h"

namespace margay::model {
namespace {

using torch::nn::BatchNorm2dImpl;
using torch::nn::Conv2dImpl;

/// What a norm in eval mode does to a channel is x · scale + shift, float64 [C] each.
struct EvalScaling {
  torch::Tensor scale;
  torch::Tensor shift;
};

/// Whether it takes its numbers from running statistics: else they are the batch's, which nothing can hold.
bool is_fixed(const BatchNorm2dImpl& norm) { return norm.running_mean.defined() && norm.running_var.defined(); }

EvalScaling eval_scaling(const BatchNorm2dImpl& norm) {
  torch::Tensor scale = (norm.running_var.to(torch::kDouble) + norm.options.eps()).rsqrt();
  if (norm.weight.defined()) scale = scale * norm.weight.to(torch::kDouble);
  torch::Tensor shift = -norm.running_mean.to(torch::kDouble) * scale;
  if (norm.bias.defined()) shift = shift + norm.bias.to(torch::kDouble);
  return {scale, shift};
}

/// A copy of a convolution with other numbers and a bias. (The original has no place for one, and a new module would
/// first draw random weights.) What is registered is copied where Module is no virtual base (LibTorch 2), and begins
/// empty where it is one.
class FoldedConv2d : public Conv2dImpl {
 public:
  FoldedConv2d(const Conv2dImpl& conv, torch::Tensor folded_weight, torch::Tensor folded_bias) : Conv2dImpl(conv) {
    parameters_.clear();
    weight = register_parameter("weight", std::move(folded_weight), /*requires_grad=*/false);
    bias = register_parameter("bias", std::move(folded_bias), /*requires_grad=*/false);
    options.bias(true);
    eval();
  }
};

std::shared_ptr<Conv2dImpl> folded(const Conv2dImpl& conv, const BatchNorm2dImpl& norm) {
  const EvalScaling scaling = eval_scaling(norm);
  const torch::Tensor weight = conv.weight.to(torch::kDouble) * scaling.scale.view({-1, 1, 1, 1});
  torch::Tensor bias = scaling.shift;
  if (conv.bias.defined()) bias = bias + conv.bias.to(torch::kDouble) * scaling.scale;
  return std::make_shared<FoldedConv2d>(conv, torch::empty_like(conv.weight).copy_(weight),
                                        bias.to(conv.weight.scalar_type()));
}

/// A convolution and the norm behind it.
struct ConvNormPair {
  LayerPlace conv;
  LayerPlace norm;
};

bool is_folded_into(const Graph& graph, std::size_t conv, std::size_t norm) {
  const Node& second = graph.nodes.at(norm);
  return std::holds_alternative<op::Convolution>(graph.nodes.at(conv).operation) &&
         std::holds_alternative<op::BatchNorm>(second.operation) &&
         second.inputs.front() == graph.nodes.at(conv).output;
}

/// The only node that takes the result of each convolution is looked at.
std::vector<ConvNormPair> conv_norm_pairs(const GraphBuilder& builder) {
  const Graph& graph = builder.graph();
  const std::vector<std::vector<std::size_t>> consumers = consumers_of(graph);
  std::vector<ConvNormPair> pairs;
  for (const auto& [conv, place] : builder.places()) {
    const std::vector<std::size_t>& next = consumers.at(graph.nodes.at(conv).output);
    if (next.size() != 1 || !is_folded_into(graph, conv, next.front())) continue;
    const auto norm = builder.places().find(next.front());
    if (norm != builder.places().end()) pairs.push_back({place, norm->second});
  }
  return pairs;
}

void fold(const ConvNormPair& pair) {
  const auto* conv = pair.conv.layer->as<Conv2dImpl>();
  const auto* norm = pair.norm.layer->as<BatchNorm2dImpl>();
  if (conv == nullptr || norm == nullptr || !is_fixed(*norm)) return;
  pair.conv.put(folded(*conv, *norm));
  pair.norm.put(nullptr);
}

/// Sizes do not matter to pairs, so those of other modules than classifiers are left open.
Shape foldable_images(const torch::nn::Module& module) {
  const auto* classifier = module.as<Classifier>();
  if (classifier == nullptr) return {kAnySize, kAnySize, kAnySize, kAnySize};
  return {kAnySize, classifier->options().in_channels, classifier->image_px(), classifier->image_px()};
}

}  // namespace

void fold_batch_norms(torch::nn::Module& module) {
  if (module.is_training()) {
    throw std::invalid_argument(
        "[fold_batch_norms] the module is in train mode, where batch norms change with every batch; call eval() first");
  }
  const torch::NoGradGuard no_grad;
  GraphBuilder builder(module, foldable_images(module));
  builder.layer(builder.images(), module);
  for (const ConvNormPair& pair : conv_norm_pairs(builder)) fold(pair);
}

}  // namespace margay::model
