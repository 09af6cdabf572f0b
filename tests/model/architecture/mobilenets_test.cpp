#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
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

}  // namespace
}  // namespace margay::model
