#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;

TEST(MobileNets, ComputeTorchvisionsLogitsAndGradients) {
  for (const char* name : {"mobilenet_v2", "mobilenet_v3_small"}) expect_torchvisions(name, oracle(name));
}

TEST(EfficientNetV2s, ComputeTorchvisionsLogitsAndGradients) {
  expect_torchvisions("efficientnet_v2_s", oracle("efficientnet_v2_s"));
}

// By tools/timm_oracle.py.
TEST(MobileNetV4s, ComputeTimmsLogitsAndGradients) {
  for (const char* name : {"mobilenetv4_conv_small", "mobilenetv4_conv_medium"}) {
    expect_torchvisions(name, oracle(name));
  }
}

TEST(RepViTs, ComputeTimmsLogitsAndGradients) { expect_torchvisions("repvit_m0_9", oracle("repvit_m0_9")); }

TEST(MobileNets, StartAsTorchvisions) {
  torch::manual_seed(5);
  const auto backbone = find_architecture("mobilenet_v3_large").build({});
  const auto parameters = backbone->named_parameters();
  const auto spread = [&](const char* name) { return parameters[name].std().item<double>(); };
  EXPECT_NEAR(spread("features.16.0.weight"), std::sqrt(2.0 / 960), 1e-3);
  EXPECT_NEAR(spread("features.15.block.1.0.weight"), std::sqrt(2.0 / (960 * 25)), 1e-4);  // depthwise
  EXPECT_EQ(parameters["features.15.block.2.fc1.bias"].abs().max().item<double>(), 0);
  const auto head = backbone->make_published_head(1000);
  EXPECT_NEAR(head->named_parameters()["classifier.3.weight"].std().item<double>(), 0.01, 1e-4);
}

TEST(MobileNets, ThirdOnesNormaliseAsTorchvisions) {
  const auto backbone = find_architecture("mobilenet_v3_small").build({});
  int norms = 0;
  for (const auto& each : backbone->modules()) {
    const auto* norm = each->as<torch::nn::BatchNorm2d>();
    if (norm == nullptr) continue;
    EXPECT_EQ(norm->options.eps(), 1e-3);
    EXPECT_EQ(norm->options.momentum(), 0.01);
    ++norms;
  }
  EXPECT_EQ(norms, 34);
}

TEST(EfficientNets, ComputeTorchvisionsLogitsAndGradients) {
  expect_torchvisions("efficientnet_b0", oracle("efficientnet_b0"));
}

TEST(EfficientNets, DropLaterBlocksMoreOften) {
  const auto backbone = find_architecture("efficientnet_b0").build({});
  std::vector<double> drops;
  for (const auto& each : backbone->modules()) {
    if (const auto* depth = each->as<StochasticDepth>()) drops.push_back(depth->p());
  }
  ASSERT_EQ(drops.size(), 16U);
  for (std::size_t i = 0; i < drops.size(); ++i) EXPECT_NEAR(drops[i], 0.2 * static_cast<double>(i) / 16, 1e-12);
}

TEST(EfficientNets, StartAsTorchvisions) {
  torch::manual_seed(5);
  const auto backbone = find_architecture("efficientnet_b0").build({});
  const auto parameters = backbone->named_parameters();
  EXPECT_NEAR(parameters["features.8.0.weight"].std().item<double>(), std::sqrt(2.0 / 1280), 1e-3);
  const auto head = backbone->make_published_head(100);
  const torch::Tensor weight = head->named_parameters()["classifier.1.weight"];
  EXPECT_NEAR(weight.max().item<double>(), 0.1, 1e-3);
  EXPECT_NEAR(weight.std().item<double>(), 0.1 / std::sqrt(3.0), 1e-3);
}

TEST(EfficientNets, DropMoreFeaturesTheLargerTheyAre) {
  for (const auto& [name, p] : {std::pair{"efficientnet_b1", 0.2}, {"efficientnet_b3", 0.3}}) {
    const auto head = find_architecture(name).build({})->make_published_head(2);
    for (const auto& each : head->modules()) {
      const auto* dropout = each->as<torch::nn::Dropout>();
      if (dropout != nullptr) {
        EXPECT_EQ(dropout->options.p(), p) << name;
      }
    }
  }
}

}  // namespace

}  // namespace margay::model
