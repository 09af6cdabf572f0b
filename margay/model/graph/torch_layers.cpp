/// What GraphBuilder knows of LibTorch's own layers.
#include <array>
#include <string>

#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/graph/graph_builder.h"

namespace margay::model {
namespace {

using Function = op::Activation::Function;
using Of = op::Pool::Of;

Storage over_if(bool is_in_place) { return is_in_place ? Storage::kOver : Storage::kNew; }

op::Pool pool_of(const torch::nn::MaxPool2dImpl& pool) {
  const auto& options = pool.options;
  const std::array<std::int64_t, 2> dilation = *options.dilation();
  MARGAY_CHECK(dilation[0] == 1 && dilation[1] == 1, "no network's pooling skips pixels");
  return {.of = Of::kMaximum,
          .kernel = *options.kernel_size(),
          .stride = *options.stride(),
          .padding = *options.padding(),
          .rounds_up = options.ceil_mode()};
}

op::Pool pool_of(const torch::nn::AvgPool2dImpl& pool) {
  const auto& options = pool.options;
  MARGAY_CHECK(!options.divisor_override(), "means are divided by their numbers");
  return {.of = options.count_include_pad() ? Of::kMeanWithPadding : Of::kMean,
          .kernel = *options.kernel_size(),
          .stride = *options.stride(),
          .padding = *options.padding(),
          .rounds_up = options.ceil_mode()};
}

template <class Pool>
op::AdaptivePool adaptive_pool_of(const Pool& pool, Of of) {
  const auto& size = *pool.options.output_size();
  MARGAY_CHECK(size[0].has_value() && size[0] == size[1], "networks pool to squares");
  return {.of = of, .side = *size[0]};
}

}  // namespace

ValueId GraphBuilder::convolution(ValueId x, const torch::nn::Conv2dImpl& conv) {
  const auto& options = conv.options;
  const auto* padding = get_if<torch::ExpandingArray<2>>(&options.padding());
  MARGAY_CHECK(padding != nullptr && get_if<torch::enumtype::kZeros>(&options.padding_mode()) != nullptr,
               "convolutions pad with a number of zeros");
  std::vector<ValueId> inputs{x, parameter(conv, "weight")};
  if (conv.bias.defined()) inputs.push_back(parameter(conv, "bias"));
  return add_layer(conv,
                   op::Convolution{.kernel = *options.kernel_size(),
                                   .stride = *options.stride(),
                                   .padding = **padding,
                                   .dilation = *options.dilation(),
                                   .groups = options.groups()},
                   inputs);
}

ValueId GraphBuilder::linear(ValueId x, const torch::nn::LinearImpl& linear) {
  std::vector<ValueId> inputs{x, parameter(linear, "weight")};
  if (linear.bias.defined()) inputs.push_back(parameter(linear, "bias"));
  return add_layer(linear, op::Linear{}, inputs);
}

std::vector<ValueId> GraphBuilder::scaling(const torch::nn::Module& norm, const at::Tensor& weight,
                                           std::int64_t features) {
  if (weight.defined()) return {parameter(norm, "weight"), parameter(norm, "bias")};
  return {constant("weight", torch::ones({features})), constant("bias", torch::zeros({features}))};
}

ValueId GraphBuilder::layer_norm(ValueId x, const torch::nn::LayerNormImpl& norm) {
  const std::vector<std::int64_t>& normalised = norm.options.normalized_shape();
  MARGAY_CHECK(normalised.size() == 1, "layer norms are over the last dimension");
  std::vector<ValueId> inputs = scaling(norm, norm.weight, normalised.front());
  inputs.insert(inputs.begin(), x);
  return add_layer(norm, op::LayerNorm{norm.options.eps()}, inputs);
}

template <class Norm>
ValueId GraphBuilder::batch_norm(ValueId x, const Norm& norm) {
  std::vector<ValueId> inputs = scaling(norm, norm.weight, norm.options.num_features());
  inputs.insert(inputs.begin(), x);
  if (norm.running_mean.defined() && norm.running_var.defined()) {
    inputs.push_back(parameter(norm, "running_mean"));
    inputs.push_back(parameter(norm, "running_var"));
  }
  return add_layer(norm, op::BatchNorm{norm.options.eps()}, inputs);
}

template ValueId GraphBuilder::batch_norm(ValueId x, const torch::nn::BatchNorm2dImpl& norm);

std::optional<ValueId> GraphBuilder::with_parameters(ValueId x, torch::nn::Module& module) {
  if (auto* conv = module.as<torch::nn::Conv2dImpl>()) return convolution(x, *conv);
  if (auto* norm = module.as<torch::nn::BatchNorm2dImpl>()) return batch_norm(x, *norm);
  if (auto* norm = module.as<torch::nn::BatchNorm1dImpl>()) return batch_norm(x, *norm);
  if (auto* own = module.as<torch::nn::LinearImpl>()) return linear(x, *own);
  if (auto* norm = module.as<torch::nn::LayerNormImpl>()) return layer_norm(x, *norm);
  return std::nullopt;
}

std::optional<ValueId> GraphBuilder::pooling(ValueId x, torch::nn::Module& module) {
  if (auto* pool = module.as<torch::nn::MaxPool2dImpl>()) return add_layer(module, pool_of(*pool), {x});
  if (auto* pool = module.as<torch::nn::AvgPool2dImpl>()) return add_layer(module, pool_of(*pool), {x});
  if (auto* pool = module.as<torch::nn::AdaptiveAvgPool2dImpl>()) {
    return add_layer(module, adaptive_pool_of(*pool, Of::kMean), {x});
  }
  if (auto* pool = module.as<torch::nn::AdaptiveMaxPool2dImpl>()) {
    return add_layer(module, adaptive_pool_of(*pool, Of::kMaximum), {x});
  }
  return std::nullopt;
}

std::optional<ValueId> GraphBuilder::elementwise(ValueId x, torch::nn::Module& module) {
  const auto activation = [&](Function function, Storage storage = Storage::kNew) {
    return add_layer(module, op::Activation{function}, {x}, storage);
  };
  if (auto* relu = module.as<torch::nn::ReLUImpl>()) {
    return activation(Function::kRelu, over_if(relu->options.inplace()));
  }
  if (auto* relu = module.as<torch::nn::ReLU6Impl>()) {
    return activation(Function::kRelu6, over_if(relu->options.inplace()));
  }
  if (auto* gelu = module.as<torch::nn::GELUImpl>()) {
    return activation(gelu->options.approximate() == "tanh" ? Function::kGeluTanh : Function::kGelu);
  }
  if (module.as<torch::nn::SiLUImpl>() != nullptr) return activation(Function::kSilu);
  if (module.as<torch::nn::SigmoidImpl>() != nullptr) return activation(Function::kSigmoid);
  if (auto* dropout = module.as<torch::nn::DropoutImpl>()) {
    return add_layer(module, op::Dropout{dropout->options.p()}, {x}, Storage::kOver);
  }
  if (module.as<torch::nn::IdentityImpl>() != nullptr) return x;
  if (auto* flatten = module.as<torch::nn::FlattenImpl>()) {
    MARGAY_CHECK(flatten->options.start_dim() == 1 && flatten->options.end_dim() == -1, "features are flattened whole");
    return this->flatten(x);
  }
  return std::nullopt;
}

std::optional<ValueId> GraphBuilder::torch_layer(ValueId x, torch::nn::Module& module) {
  if (const auto found = with_parameters(x, module)) return found;
  if (const auto found = pooling(x, module)) return found;
  return elementwise(x, module);
}

}  // namespace margay::model
