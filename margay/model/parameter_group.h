#pragma once

#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace margay::model {

struct NamedParameter {
  std::string name;      ///< within the whole module, such as "backbone.layer1.0.bn1.weight"
  torch::Tensor tensor;  ///< the parameter itself
  /// Gets no weight decay: a bias or of any norm (fastai's wd_bn_bias=False), or a token, position or scale (timm's
  /// no_weight_decay).
  bool is_norm_or_bias;
  bool is_norm;  ///< of a batch norm: trained even in frozen groups (fastai's train_bn=True)
};

/// Parameters that share a learning rate.
struct ParameterGroup {
  std::string name;
  std::vector<NamedParameter> parameters;
};

/// All parameters of a module, in the order of its layers, with what kind they are.
std::vector<NamedParameter> classify_parameters(const torch::nn::Module& module);

}  // namespace margay::model
