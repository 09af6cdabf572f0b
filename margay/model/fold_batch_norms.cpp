#include "margay/model/fold_batch_norms.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

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

/// The name under which a child is registered; "" if it is not.
std::string name_of(const torch::nn::Module& parent, const torch::nn::Module& child) {
  for (const auto& each : parent.named_children()) {
    if (each.value().get() == &child) return each.key();
  }
  return "";
}

void fold_members(torch::nn::Module& owner, HasConvNorms& members) {
  for (const ConvNormPair& pair : members.conv_norms()) {
    if (pair.norm.is_empty() || !is_fixed(*pair.norm)) continue;
    const auto both = folded(*pair.conv, *pair.norm);
    owner.replace_module(name_of(owner, *pair.conv), both);
    owner.unregister_module(name_of(owner, *pair.norm));
    pair.conv = torch::nn::Conv2d(both);
    pair.norm = nullptr;
  }
}

/// The numbers of the layers stay, so an identity takes the norm's place.
void fold_neighbours(torch::nn::SequentialImpl& layers) {
  if (layers.is_empty()) return;
  for (auto first = layers.begin(), second = first + 1; second != layers.end(); ++first, ++second) {
    const auto* conv = first->ptr()->as<Conv2dImpl>();
    const auto* norm = second->ptr()->as<BatchNorm2dImpl>();
    if (conv == nullptr || norm == nullptr || !is_fixed(*norm)) continue;
    const auto both = folded(*conv, *norm);
    const auto nothing = std::make_shared<torch::nn::IdentityImpl>();
    layers.replace_module(name_of(layers, *conv), both);
    layers.replace_module(name_of(layers, *norm), nothing);
    *first = torch::nn::AnyModule(both);
    *second = torch::nn::AnyModule(nothing);
  }
}

void fold_own(torch::nn::Module& module) {
  if (auto* members = dynamic_cast<HasConvNorms*>(&module)) fold_members(module, *members);
  if (auto* layers = module.as<torch::nn::SequentialImpl>()) fold_neighbours(*layers);
}

}  // namespace

void fold_batch_norms(torch::nn::Module& module) {
  if (module.is_training()) {
    throw std::invalid_argument(
        "[fold_batch_norms] the module is in train mode, where batch norms change with every batch; call eval() first");
  }
  const torch::NoGradGuard no_grad;
  fold_own(module);
  for (const auto& each : module.modules(/*include_self=*/false)) fold_own(*each);
}

}  // namespace margay::model
