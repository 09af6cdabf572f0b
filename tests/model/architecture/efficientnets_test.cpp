#include <gtest/gtest.h>
#include <torch/nn/modules/dropout.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;

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
