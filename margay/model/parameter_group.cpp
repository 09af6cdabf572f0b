#include "margay/model/parameter_group.h"

#include <torch/nn/modules/batchnorm.h>

namespace margay::model {
namespace {

bool is_batch_norm(const torch::nn::Module& module) {
  return module.as<torch::nn::BatchNorm1d>() != nullptr || module.as<torch::nn::BatchNorm2d>() != nullptr ||
         module.as<torch::nn::BatchNorm3d>() != nullptr;
}

/// Weight decay is for what multiplies the features of one layer into the next. Not for biases, norms, scales (of one
/// side), tokens, positions and tables of biases (not called a weight): as timm's param_groups_weight_decay.
bool is_decayed(const std::string& name, const torch::Tensor& tensor) {
  return name.ends_with("weight") && tensor.dim() > 1;
}

void append_own(std::vector<NamedParameter>& parameters, const std::string& prefix, const torch::nn::Module& module) {
  const bool is_norm = is_batch_norm(module);
  for (const auto& own : module.named_parameters(/*recurse=*/false)) {
    parameters.push_back({prefix + own.key(), own.value(), !is_decayed(own.key(), own.value()), is_norm});
  }
}

}  // namespace

std::vector<NamedParameter> classify_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> parameters;
  append_own(parameters, "", module);
  for (const auto& each : module.named_modules("", /*include_self=*/false)) {
    append_own(parameters, each.key() + ".", *each.value());
  }
  return parameters;
}

}  // namespace margay::model
