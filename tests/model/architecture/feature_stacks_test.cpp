#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"

namespace margay::model {
namespace {

const std::vector<std::string> kNames{"mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny"};

torch::Tensor stack_images() { return torch::randn({2, 3, 64, 64}).contiguous(torch::MemoryFormat::ChannelsLast); }

TEST(FeatureStacks, DescribeWhatTheyBuild) {
  const torch::NoGradGuard no_grad;
  for (const std::string& name : kNames) {
    const auto backbone = find_architecture(name).build({.in_channels = 1});
    backbone->eval();
    const torch::Tensor features = backbone->forward(torch::randn({1, 1, 96, 64}));
    EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{1, backbone->features(), 3, 2})) << name;
    EXPECT_EQ(backbone->stride(), 32) << name;
  }
}

TEST(FeatureStacks, KeepTheLayoutOfChannelsThroughEveryStage) {
  torch::manual_seed(1);
  for (const std::string& name : kNames) {
    const auto classifier = make_classifier({.architecture = name});
    for (const bool is_training : {false, true}) {
      classifier->train(is_training);
      torch::Tensor x = stack_images();
      for (const Backbone::Stage& stage : classifier->backbone().stages()) {
        x = stage.run(x);
        EXPECT_TRUE(x.is_contiguous(torch::MemoryFormat::ChannelsLast)) << name << ' ' << stage.name;
      }
    }
  }
}

TEST(FeatureStacks, CountStemStagesAndWhatIsBetween) {
  const auto names_of = [](const std::string& name) {
    std::vector<std::string> names;
    const auto backbone = find_architecture(name).build({});
    for (const Backbone::Stage& stage : backbone->stages()) names.push_back(stage.name);
    return names;
  };
  EXPECT_EQ(names_of("efficientnet_b0"), (std::vector<std::string>{"stem", "stage1", "stage2", "stage3", "stage4",
                                                                   "stage5", "stage6", "stage7", "last"}));
  EXPECT_EQ(names_of("convnext_tiny"), (std::vector<std::string>{"stem", "stage1", "downsample2", "stage2",
                                                                 "downsample3", "stage3", "downsample4", "stage4"}));
  EXPECT_EQ(names_of("mobilenet_v2").size(), 19U);
}

TEST(FeatureStacks, ComputeTheSameInSegments) {
  const torch::NoGradGuard no_grad;
  const std::vector<std::size_t> segments{19, 13, 18, 22};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto backbone = find_architecture(kNames[i]).build({});
    backbone->eval();
    const torch::Tensor images = stack_images();
    torch::Tensor x = images;
    for (const Segment& segment : backbone->segments()) x = segment.run(x);
    EXPECT_TRUE(torch::equal(x, backbone->forward(images))) << kNames[i];
    EXPECT_EQ(backbone->segments().size(), segments[i]) << kNames[i];
  }
}

TEST(FeatureStacks, TrainTheSameWithGradientCheckpointing) {
  for (const char* name : {"mobilenet_v3_small", "efficientnet_b0"}) {
    const auto gradient = [&](GradientCheckpointing checkpointing) {
      torch::manual_seed(3);
      const auto classifier = make_classifier({.architecture = name});
      classifier->set_gradient_checkpointing(checkpointing);
      classifier->forward(stack_images()).square().sum().backward();
      return classifier->parameters().front().grad();
    };
    EXPECT_TRUE(torch::equal(gradient(GradientCheckpointing::kOff), gradient(GradientCheckpointing::kOn))) << name;
  }
}

TEST(FeatureStacks, PutTheirStemsIntoTheFirstGroup) {
  for (const std::string& name : kNames) {
    const auto classifier = make_classifier({.architecture = name});
    const auto groups = classifier->parameter_groups();
    for (const NamedParameter& each : groups[0].parameters) {
      EXPECT_EQ(each.name.rfind("backbone.features.0.", 0), 0U) << each.name;
    }
    EXPECT_FALSE(groups[0].parameters.empty()) << name;
  }
}

/// Eval mode keeps batch norms from magnifying rounding errors; trained statistics are what batch norms expect.
TEST(FeatureStacks, ComeNearTheirLogitsInBfloat16) {
  for (const std::string& name : kNames) {
    torch::manual_seed(2);
    const auto classifier = make_classifier({.architecture = name, .head = {.kind = HeadKind::kPublished}});
    const torch::Tensor images = stack_images();
    {
      const torch::NoGradGuard no_grad;
      for (int i = 0; i < 2; ++i) classifier->forward(images);
    }
    classifier->eval();
    const torch::Tensor expected = classifier->forward(images);
    torch::Tensor actual;
    {
      const Autocast autocast(torch::kCPU, Precision::kBf16);
      actual = classifier->forward(images);
    }
    const double range = std::max(expected.abs().max().item<double>(), 1e-3);
    EXPECT_LT((actual - expected).abs().max().item<double>(), 0.05 * range) << name;
    actual.to(torch::kFloat).sum().backward();
    for (const auto& each : classifier->named_parameters()) {
      EXPECT_TRUE(each.value().grad().isfinite().all().item<bool>()) << name << ' ' << each.key();
    }
  }
}

}  // namespace
}  // namespace margay::model
