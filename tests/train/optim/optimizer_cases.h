#pragma once

#include <string>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/model/classifier.h"
#include "margay/train/optim/optimizer_options.h"

namespace margay::testing_support {

/// Every kind, and the variants that take another way through the code.
inline std::vector<train::OptimizerOptions> every_optimizer() {
  std::vector<train::OptimizerOptions> all;
  for (const auto& [kind, name] : names(train::OptimizerKind{})) {
    all.push_back({.kind = kind});
    all.push_back({.kind = kind, .wd = 0.1, .decouple_wd = false});
  }
  all.push_back({.kind = train::OptimizerKind::kSgd, .nesterov = true});
  all.push_back({.kind = train::OptimizerKind::kLion, .lookahead = 2, .lookahead_alpha = 0.8});
  return all;
}

inline std::string text_of(const train::OptimizerOptions& options) { return core::to_json(options).dump(); }

enum class Decays { kYes, kNo };

/// A group of leaves called p0, p1, ...
inline model::ParameterGroup group_of(std::vector<torch::Tensor> tensors, Decays decays = Decays::kYes) {
  model::ParameterGroup group{"all", {}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    group.parameters.push_back({"p" + std::to_string(i), tensors[i].requires_grad_(), decays == Decays::kNo, false});
  }
  return group;
}

/// The same values as new leaves.
inline std::vector<torch::Tensor> copies_of(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& each : tensors) copies.push_back(each.detach().clone());
  return copies;
}

/// Shapes that fill blocks, vectors, and neither.
inline std::vector<torch::Tensor> some_parameters() {
  return {torch::randn({3, 5, 3, 3}), torch::randn({1}), torch::randn({130, 131}), torch::randn({17})};
}

/// Gives every parameter a gradient of its type, drawn from the generator that torch::manual_seed sets.
inline void draw_gradients(std::vector<torch::Tensor>& parameters) {
  for (torch::Tensor& each : parameters) {
    each.mutable_grad() = torch::randn(each.sizes()).to(each.scalar_type());
  }
}

}  // namespace margay::testing_support
