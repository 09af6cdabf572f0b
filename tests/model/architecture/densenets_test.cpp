#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/dense_block.h"
#include "tests/support/naming_rules.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

TEST(DenseNets, ComputeTorchvisionsLogitsAndGradients) {
  testing_support::expect_torchvisions("densenet121", testing_support::oracle("densenet121"));
}

TEST(DenseNets, StartWithKaimingsSpread) {
  torch::manual_seed(3);
  const auto backbone = find_architecture("densenet121").build({});
  const auto parameters = backbone->named_parameters();
  EXPECT_NEAR(parameters["features.conv0.weight"].std().item<double>(), std::sqrt(2.0 / (3 * 49)), 3e-3);
  EXPECT_NEAR(parameters["features.denseblock4.denselayer16.conv1.weight"].std().item<double>(), std::sqrt(2.0 / 992),
              1e-3);
  EXPECT_EQ(backbone->make_published_head(3)->named_parameters()["classifier.bias"].abs().max().item<double>(), 0);
}

TEST(DenseNets, KnowTheNamesOfTorchvisionsFile) {
  const Naming naming = testing_support::naming_of(find_architecture("densenet121"), "torchvision");
  EXPECT_EQ(testing_support::renamed(naming, "features.denseblock1.denselayer12.norm.1.running_mean"),
            "features.denseblock1.denselayer12.norm1.running_mean");
  EXPECT_EQ(testing_support::renamed(naming, "features.denseblock1.denselayer12.conv2.weight"),
            "features.denseblock1.denselayer12.conv2.weight");
  EXPECT_EQ(testing_support::renamed(naming, "features.norm5.weight"), "features.norm5.weight");
}

TEST(DenseBlock, PutsItsInputFirst) {
  DenseBlock block(4, 2, 3);
  const torch::Tensor x = torch::randn({2, 4, 5, 5});
  const torch::Tensor found = block.forward(x);
  EXPECT_EQ(found.sizes(), (std::vector<std::int64_t>{2, 10, 5, 5}));
  EXPECT_TRUE(torch::equal(found.slice(1, 0, 4), x));
}

}  // namespace
}  // namespace margay::model
