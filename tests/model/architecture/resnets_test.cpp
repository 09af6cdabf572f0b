#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/regnet.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;

TEST(ResNets, ComputeTorchvisionsLogitsAndGradients) {
  for (const char* name : {"resnet18", "resnet50"}) expect_torchvisions(name, oracle(name));
}

TEST(ResNexts, ComputeTorchvisionsLogitsAndGradients) {
  expect_torchvisions("resnext50_32x4d", oracle("resnext50_32x4d"));
}

// By tools/timm_oracle.py; 72 pixels, so that a shortcut pools an odd side.
TEST(ResNetDs, ComputeTimmsLogitsAndGradients) {
  for (const char* name : {"resnet18d", "resnet50d"}) expect_torchvisions(name, oracle(name));
}

TEST(RegNets, ComputeTorchvisionsLogitsAndGradients) {
  expect_torchvisions("regnet_y_400mf", oracle("regnet_y_400mf"));
}

/// Table 5 of the paper's third appendix gives RegNetY-3.2GF so.
TEST(RegNets, HaveTheStagesOfTheirPaper) {
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> blocks;
  for (const RegNetStage& stage : regnet_stages({21, 80, 42.63, 2.66, 24})) {
    widths.push_back(stage.width);
    blocks.push_back(stage.blocks);
  }
  EXPECT_EQ(widths, (std::vector<std::int64_t>{72, 216, 576, 1512}));
  EXPECT_EQ(blocks, (std::vector<std::int64_t>{2, 5, 13, 1}));
}

TEST(ResNetDs, StartWithBlocksThatAreTheirShortcuts) {
  for (const auto& [name, last_norm] : {std::pair{"resnet18d", ".bn2.weight"}, std::pair{"resnet50d", ".bn3.weight"}}) {
    int blocks = 0;
    for (const auto& each : find_architecture(name).build({})->named_parameters()) {
      if (!each.key().ends_with(last_norm)) continue;
      EXPECT_EQ(each.value().abs().max().item<double>(), 0) << name << " " << each.key();
      ++blocks;
    }
    EXPECT_GE(blocks, 8) << name;
  }
}

TEST(ResNetDs, HalveTheImageAsResNetsDo) {
  const torch::NoGradGuard no_grad;
  const auto backbone = find_architecture("resnet18d").build({});
  for (const std::int64_t side : {64, 65, 71}) {
    EXPECT_EQ(backbone->forward(torch::randn({2, 3, side, side})).size(2), (side + 31) / 32) << side;
  }
}

}  // namespace
}  // namespace margay::model
