#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
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

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/layers.h"
#include "margay/model/classifier.h"
#include "margay/model/network_draws.h"
#include "margay/model/weights/naming.h"

namespace margay::testing_support {

/// Numbers in [-1, 1) that a hash of name and position gives: float of this shape. tools/torchvision_oracle.py makes
/// the same ones, so golden values need no weights beside them.
inline torch::Tensor formula_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::uint32_t seed = 2166136261U;
  for (const char byte : name) seed = (seed ^ static_cast<unsigned char>(byte)) * 16777619U;
  torch::Tensor values = torch::empty(shape);
  auto* value = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    std::uint32_t x = static_cast<std::uint32_t>(i) * 0x9E3779B9U + seed;
    x = (x ^ x >> 16) * 0x7FEB352DU;
    x = (x ^ x >> 15) * 0x846CA68BU;
    x ^= x >> 16;
    value[i] = static_cast<float>(x / 2147483648.0 - 1.0);
  }
  return values;
}

/// What the oracle puts into the tensor of this published name: near what trained networks have. Whole numbers: zeros.
inline torch::Tensor formula_state(const std::string& name, const std::vector<std::int64_t>& shape) {
  if (name.ends_with("num_batches_tracked")) return torch::zeros(shape, torch::kLong);
  const torch::Tensor u = formula_tensor(name, shape);
  if (name.ends_with("running_var")) return 1 + 0.5 * u.abs();
  if (!name.ends_with("weight")) return 0.1 * u;
  if (shape.size() == 1) return 1 + 0.1 * u;
  return u * static_cast<float>(std::sqrt(3.0 * static_cast<double>(shape[0]) / static_cast<double>(u.numel())));
}

/// What a tensor that a publisher calls `name` is called here; empty if it is dropped.
inline std::string renamed(const model::Naming& naming, const std::string& name) {
  const model::TensorMap ours = model::translated({{name, {}}}, naming);
  return ours.empty() ? "" : ours.begin()->first;
}

/// The architecture's naming of this publisher; one without rules if it has none, whose names are ours then.
inline model::Naming naming_of(const model::Architecture& architecture, const std::string& publisher) {
  const auto& namings = architecture.namings;
  const auto found = std::find_if(namings.begin(), namings.end(),
                                  [&](const model::Naming& each) { return each.publisher == publisher; });
  return found == namings.end() ? model::Naming{publisher, {}} : *found;
}

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

inline std::shared_ptr<model::Classifier> unfilled_classifier(const std::string& name, std::int64_t px) {
  const model::WithoutDraws quickly;
  return model::make_classifier(
      {.architecture = name, .num_classes = 10, .image_px = px, .head = {.kind = model::HeadKind::kPublished}});
}

/// Logits in eval mode (float, within 1e-5 of their range) and in train mode (double, 1e-11; float, 1e-3: batch norms
/// over two images enlarge rounding errors, which differ with processor and threads) and gradients (double) are
/// torchvision's.
inline void expect_torchvisions(
    const std::string& name, const nlohmann::json& golden,
    const std::function<std::string(const std::string&)>& rename = [](const std::string& same) { return same; }) {
  const auto px = golden["px"].get<std::int64_t>();
  const auto classifier = unfilled_classifier(name, px);
  {
    const torch::NoGradGuard no_grad;
    ASSERT_NO_FATAL_FAILURE(fill_by_formula(*classifier, golden, rename));
  }
  remove_chance(*classifier);
  const torch::Tensor images = formula_tensor("images", {2, 3, px, px});
  classifier->eval();
  {
    const torch::NoGradGuard no_grad;
    EXPECT_LT(error_of(classifier->forward(images), matrix_of(golden["logits_eval"])), 1e-5) << name;
  }
  classifier->train();
  {
    const torch::NoGradGuard no_grad;
    EXPECT_LT(error_of(classifier->forward(images), matrix_of(golden["logits_train"])), 1e-3) << name;
  }
  classifier->to(torch::kDouble);
  const torch::Tensor logits = classifier->forward(images.to(torch::kDouble));
  EXPECT_LT(error_of(logits, matrix_of(golden["logits_train"])), 1e-11) << name;
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
