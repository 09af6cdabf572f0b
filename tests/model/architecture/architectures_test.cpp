#include "margay/model/architecture/architectures.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;

std::int64_t count_parameters(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const torch::Tensor& each : module.parameters()) count += each.numel();
  return count;
}

TEST(Architectures, HaveTheParametersTheyClaim) {
  for (const Architecture& each : architectures()) {
    const auto backbone = each.build({.image_px = each.input_px});
    const torch::nn::Sequential head = backbone->make_published_head(each.classes);
    EXPECT_EQ(count_parameters(*backbone) + count_parameters(*head), each.parameters) << each.name;
  }
}

TEST(Architectures, DescribeWhatTheyBuild) {
  const torch::NoGradGuard no_grad;
  for (const std::string name : {"resnet18", "resnet50", "resnet20"}) {
    const auto backbone = find_architecture(name).build({});
    backbone->eval();
    for (const std::int64_t side : {64, 96, 65}) {
      const torch::Tensor features = backbone->forward(torch::randn({1, 3, side, side}));
      const std::int64_t steps = (side + backbone->stride() - 1) / backbone->stride();
      EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{1, backbone->features(), steps, steps})) << name;
    }
  }
}

TEST(Architectures, StagesTogetherAreTheForwardPass) {
  const auto backbone = find_architecture("resnet20").build({});
  backbone->eval();
  const torch::Tensor images = torch::randn({1, 3, 64, 64});
  torch::Tensor x = images;
  std::vector<std::string> names;
  for (const Backbone::Stage& stage : backbone->stages()) {
    names.push_back(stage.name);
    x = stage.run(x);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"stem", "layer1", "layer2", "layer3"}));
  EXPECT_TRUE(torch::equal(x, backbone->forward(images)));
}

TEST(Architectures, KeepTheLayoutOfChannels) {
  const auto backbone = find_architecture("resnet18").build({});
  const torch::Tensor images = torch::randn({2, 3, 64, 64}).contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(backbone->forward(images).is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Architectures, StartWithKaimingsSpread) {
  torch::manual_seed(5);
  const auto backbone = find_architecture("resnet18").build({});
  const auto parameters = backbone->named_parameters();
  const auto spread = [&](const char* name) { return parameters[name].std().item<double>(); };
  EXPECT_NEAR(spread("conv1.weight"), std::sqrt(2.0 / (64 * 49)), 1e-3);
  EXPECT_NEAR(spread("layer4.1.conv2.weight"), std::sqrt(2.0 / (512 * 9)), 1e-4);
  EXPECT_NEAR(spread("layer2.0.downsample.0.weight"), std::sqrt(2.0 / 128), 5e-3);
  EXPECT_TRUE(torch::equal(parameters["layer1.0.bn2.weight"], torch::ones({64})));
  EXPECT_TRUE(torch::equal(parameters["layer1.0.bn2.bias"], torch::zeros({64})));
}

TEST(Architectures, SuggestTheNearestName) {
  const std::string message = thrown_message<std::invalid_argument>([] { find_architecture("resnet-34"); });
  EXPECT_NE(message.find("did you mean 'resnet34'?"), std::string::npos) << message;
}

}  // namespace
}  // namespace margay::model
