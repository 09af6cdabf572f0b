// What every backbone promises, for one network of each kind.
#include "margay/model/backbone/backbone.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "tests/support/published_network.h"
#include "tests/support/tensor_near.h"

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

}  // namespace
}  // namespace margay::model
