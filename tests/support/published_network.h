#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/modules/dropout.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/model/backbone/stochastic_depth.h"
#include "margay/model/classifier.h"
#include "tests/support/formula_tensor.h"

namespace margay::testing_support {

/// What tools/torchvision_oracle.py wrote for a network.
inline nlohmann::json oracle(const std::string& name) {
  const auto path =
      std::filesystem::path(MARGAY_SOURCE_DIR) / "tests/model/architecture/torchvision" / (name + ".json");
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

inline torch::Tensor matrix_of(const nlohmann::json& rows) {
  std::vector<torch::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(torch::tensor(row.get<std::vector<double>>(), torch::kDouble));
  return torch::stack(tensors);
}

/// "backbone.layer1.0.conv1.weight" and "head.fc.weight" without what is ours: the published name.
inline std::string published_name(const std::string& name) { return name.substr(name.find('.') + 1); }

/// Fills a classifier with a published head by the formula, through `rename`: from the oracle's names to ours. Fails
/// for a name or shape that is on one side only; shapes may differ by sides of 1.
inline void fill_by_formula(model::Classifier& classifier, const nlohmann::json& golden,
                            const std::function<std::string(const std::string&)>& rename) {
  std::map<std::string, torch::Tensor> own;
  for (const auto& [name, tensor] : classifier.state()) own[published_name(name)] = tensor;
  std::size_t filled = 0;
  for (const auto& [name, shape] : golden["state"].items()) {
    if (name.ends_with("relative_position_index")) continue;
    const auto found = own.find(rename(name));
    ASSERT_NE(found, own.end()) << name << " has no place; it would be " << rename(name);
    const torch::Tensor value = formula_state(name, shape.get<std::vector<std::int64_t>>());
    ASSERT_EQ(value.numel(), found->second.numel()) << name;
    found->second.copy_(value.view(found->second.sizes()));
    ++filled;
  }
  std::size_t expected = 0;
  for (const auto& [name, tensor] : own) expected += name.ends_with("relative_position_index") ? 0 : 1;
  ASSERT_EQ(filled, expected) << "tensors that torchvision does not have";
}

inline void remove_chance(torch::nn::Module& module) {
  for (const auto& each : module.modules()) {
    if (auto* dropout = each->as<torch::nn::Dropout>()) dropout->options.p(0);
    if (auto* depth = each->as<model::StochasticDepth>()) depth->set_p(0);
  }
}

inline double error_of(const torch::Tensor& actual, const torch::Tensor& expected) {
  const torch::Tensor range = expected.max() - expected.min();
  return ((actual.to(torch::kDouble) - expected).abs().max() / range).item<double>();
}

/// Logits in eval and train mode (float, within 1e-4 of their range) and gradients (double) are torchvision's.
inline void expect_torchvisions(
    const std::string& name, const nlohmann::json& golden,
    const std::function<std::string(const std::string&)>& rename = [](const std::string& same) { return same; }) {
  const auto px = golden["px"].get<std::int64_t>();
  const auto classifier = model::make_classifier(
      {.architecture = name, .num_classes = 10, .image_px = px, .head = {.kind = model::HeadKind::kPublished}});
  {
    const torch::NoGradGuard no_grad;
    ASSERT_NO_FATAL_FAILURE(fill_by_formula(*classifier, golden, rename));
  }
  remove_chance(*classifier);
  const torch::Tensor images = formula_tensor("images", {2, 3, px, px});
  classifier->eval();
  {
    const torch::NoGradGuard no_grad;
    EXPECT_LT(error_of(classifier->forward(images), matrix_of(golden["logits_eval"])), 1e-4) << name;
  }
  classifier->train();
  {
    const torch::NoGradGuard no_grad;
    EXPECT_LT(error_of(classifier->forward(images), matrix_of(golden["logits_train"])), 1e-4) << name;
  }
  classifier->to(torch::kDouble);
  const torch::Tensor logits = classifier->forward(images.to(torch::kDouble));
  (logits * formula_tensor("loss", logits.sizes().vec())).sum().backward();
  std::map<std::string, torch::Tensor> gradients;
  for (const auto& each : classifier->named_parameters()) gradients[published_name(each.key())] = each.value().grad();
  double largest = 0;
  for (const auto& each : golden["gradients"]) largest = std::max(largest, each["norm"].get<double>());
  for (const auto& [key, expected] : golden["gradients"].items()) {
    const torch::Tensor gradient = gradients.at(rename(key));
    ASSERT_TRUE(gradient.defined()) << key;
    const auto norm = expected["norm"].get<double>();
    const auto shape = golden["state"][key].get<std::vector<std::int64_t>>();
    const torch::Tensor probe = formula_tensor("probe." + key, shape).to(torch::kDouble);
    // A bias before a linear layer and another batch norm has none but rounding errors.
    const double tolerance = 1e-6 * norm + 1e-12 * largest;
    EXPECT_NEAR(gradient.norm().item<double>(), norm, tolerance) << key;
    EXPECT_NEAR((gradient.reshape(shape) * probe).sum().item<double>(), expected["probe"].get<double>(), tolerance)
        << key;
  }
}

}  // namespace margay::testing_support
