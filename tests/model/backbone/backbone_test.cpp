// What every backbone promises, for one network of each kind.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/backbone.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::error_of;

class Backbones : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    torch::manual_seed(7);
    px_ = std::min(find_architecture(GetParam()).input_px, 64);
    backbone_ = find_architecture(GetParam()).build({.image_px = px_});
    images_ = torch::randn({2, 3, px_, px_}).contiguous(torch::MemoryFormat::ChannelsLast);
  }

  int px_ = 64;
  std::shared_ptr<Backbone> backbone_;
  torch::Tensor images_;
};

TEST_P(Backbones, GiveTheFeaturesTheyDeclare) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor features = backbone_->forward(images_);
  ASSERT_EQ(features.dim(), 4);
  EXPECT_EQ(features.size(1), backbone_->features());
  if (backbone_->layout() == FeatureLayout::kPooled) {
    EXPECT_EQ(features.size(2) * features.size(3), 1);
  } else {
    EXPECT_NEAR(static_cast<double>(features.size(2)), static_cast<double>(px_ / backbone_->stride()), 1);
  }
}

TEST_P(Backbones, TakeOtherChannels) {
  const torch::NoGradGuard no_grad;
  const auto grey = find_architecture(GetParam()).build({.in_channels = 1, .image_px = px_});
  EXPECT_EQ(grey->forward(images_.slice(1, 0, 1)).size(1), grey->features());
}

TEST_P(Backbones, KeepChannelsLastInEveryStage) {
  for (const bool is_training : {true, false}) {
    backbone_->train(is_training);
    torch::Tensor x = images_;
    for (const Backbone::Stage& stage : backbone_->stages()) {
      x = stage.run(x);
      EXPECT_TRUE(x.is_contiguous(torch::MemoryFormat::ChannelsLast)) << stage.name << x.sizes() << x.strides();
    }
  }
}

TEST_P(Backbones, AreTheSumOfTheirSegments) {
  const torch::NoGradGuard no_grad;
  backbone_->eval();
  torch::Tensor x = images_;
  std::set<const void*> reached;
  for (const Segment& segment : backbone_->segments()) {
    const torch::Tensor before = x.clone();
    const torch::Tensor after = segment.run(x);
    EXPECT_TRUE(torch::equal(x, before)) << "a segment changes its input";
    x = after;
    for (const auto& module : segment.modules) {
      for (const torch::Tensor& each : module->parameters()) reached.insert(each.data_ptr());
    }
  }
  EXPECT_TRUE(torch::equal(x, backbone_->forward(images_)));
  EXPECT_EQ(reached.size(), backbone_->parameters().size()) << "segments do not name all their modules";
}

TEST_P(Backbones, HaveTheEarlyChildrenTheyName) {
  std::set<std::string> paths;
  for (const auto& each : backbone_->named_modules()) paths.insert(each.key());
  for (const std::string& each : backbone_->early_children()) EXPECT_TRUE(paths.contains(each)) << each;
}

TEST_P(Backbones, ComputeInBfloat16AlmostWhatTheyComputeInFloat) {
  const torch::NoGradGuard no_grad;
  const auto classifier = make_classifier(
      {.architecture = GetParam(), .num_classes = 10, .image_px = px_, .head = {.kind = HeadKind::kLinear}});
  classifier->eval();
  const torch::Tensor expected = classifier->forward(images_);
  const Autocast autocast(torch::kCPU, Precision::kBf16);
  const torch::Tensor actual = classifier->forward(images_);
  EXPECT_TRUE(testing_support::all_finite(actual));
  EXPECT_LT(error_of(actual, expected.to(torch::kDouble)), 0.05);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Backbones,
                         testing::Values("resnet20", "resnet18d", "resnext50_32x4d", "vgg16_bn", "densenet121",
                                         "squeezenet1_0", "linear", "simple_net"),
                         [](const auto& test) { return std::string(test.param); });

const std::vector<std::string> kNames{"mobilenet_v2",    "mobilenet_v3_small",     "efficientnet_b0", "convnext_tiny",
                                      "convnextv2_atto", "mobilenetv4_conv_small", "repvit_m0_9",     "regnet_y_400mf"};

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
  const std::vector<std::size_t> segments{19, 13, 18, 22, 16, 18, 24, 17};
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
  const std::vector<std::string> stems{"features.0.", "stem.", "conv_stem.", "bn1."};
  for (const std::string& name : kNames) {
    const auto classifier = make_classifier({.architecture = name});
    const auto groups = classifier->parameter_groups();
    for (const NamedParameter& each : groups[0].parameters) {
      const bool is_stem = std::any_of(stems.begin(), stems.end(), [&](const std::string& stem) {
        return each.name.starts_with("backbone." + stem);
      });
      EXPECT_TRUE(is_stem) << each.name;
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
    const double tolerance = name.starts_with("mobilenetv4") ? 0.25 : 0.05;  // random weights magnify its roundings
    EXPECT_LT((actual - expected).abs().max().item<double>(), tolerance * range) << name;
    actual.to(torch::kFloat).sum().backward();
    for (const auto& each : classifier->named_parameters()) {
      EXPECT_TRUE(each.value().grad().isfinite().all().item<bool>()) << name << ' ' << each.key();
    }
  }
}

}  // namespace

}  // namespace margay::model
