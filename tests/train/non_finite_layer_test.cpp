#include "margay/train/non_finite_layer.h"

#include <limits>
#include <memory>
#include <string>

#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::train {
namespace {

constexpr auto kGuardedFp32 = model::Precision::kFp32;

class FirstNonFiniteLayer : public testing::Test {
 protected:
  FirstNonFiniteLayer() {
    torch::manual_seed(1);
    classifier_ = model::make_classifier({.architecture = "resnet20", .num_classes = 3});
    images_ = torch::randn({4, 3, 16, 16});
  }

  /// So large that what it makes overflows, though it is finite itself.
  void enlarge(const std::string& parameter) { fill(parameter, 1e38F); }
  void fill(const std::string& name, float value) {
    const torch::NoGradGuard no_grad;
    classifier_->state().at(name).fill_(value);
  }
  std::string found(model::Precision precision = kGuardedFp32) {
    return first_non_finite_layer(*classifier_, images_, precision);
  }

  std::shared_ptr<model::Classifier> classifier_;
  torch::Tensor images_;
};

TEST_F(FirstNonFiniteLayer, IsNoneInAHealthyNetwork) {
  EXPECT_EQ(found(), "");
  classifier_->eval();
  EXPECT_EQ(found(), "");
}

TEST_F(FirstNonFiniteLayer, IsAConvolutionThatOverflows) {
  enlarge("backbone.layer2.1.conv2.weight");
  EXPECT_EQ(found(), "backbone.layer2.1.conv2");
}

TEST_F(FirstNonFiniteLayer, IsAShortcutsConvolution) {
  enlarge("backbone.layer3.0.downsample.0.weight");
  EXPECT_EQ(found(), "backbone.layer3.0.downsample.0");
}

TEST_F(FirstNonFiniteLayer, IsTheFirstOfSeveral) {
  enlarge("backbone.layer3.0.conv1.weight");
  enlarge("backbone.layer1.2.conv1.weight");
  enlarge("head.4.weight");
  EXPECT_EQ(found(), "backbone.layer1.2.conv1");
}

TEST_F(FirstNonFiniteLayer, IsALayerOfTheHead) {
  enlarge("head.8.weight");
  EXPECT_EQ(found(), "head.8");
}

TEST_F(FirstNonFiniteLayer, IsABatchNorm) {
  fill("backbone.layer1.0.bn1.weight", 3e38F);
  EXPECT_EQ(found(), "backbone.layer1.0.bn1");
}

/// Both sides of the addition are finite, and their sum is not. It is part of the batch norm (batch_norm_relu).
TEST_F(FirstNonFiniteLayer, IsABatchNormWhoseSumOverflows) {
  fill("backbone.layer1.0.bn2.weight", 0);
  fill("backbone.layer1.0.bn2.bias", 3e38F);
  fill("backbone.bn1.weight", 0);
  fill("backbone.bn1.bias", 3e38F);
  for (const char* conv : {"conv1", "conv2"}) fill(std::string("backbone.layer1.0.") + conv + ".weight", 0);
  EXPECT_EQ(found(), "backbone.layer1.0.bn2");
}

/// Every feature is finite, and the sum of four is not.
TEST_F(FirstNonFiniteLayer, CanBeAnOperatorBehindALayer) {
  fill("backbone.layer3.2.bn2.weight", 0);
  fill("backbone.layer3.2.bn2.bias", 3e38F);
  EXPECT_EQ(found(), "adaptive_avg_pool2d after backbone.layer3.2.bn2");
}

TEST_F(FirstNonFiniteLayer, IsTheParameterThatIsNotFiniteItself) {
  fill("backbone.layer2.0.conv2.weight", std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(found(), "backbone.layer2.0.conv2.weight");
}

TEST_F(FirstNonFiniteLayer, IsTheStatisticThatIsNotFiniteItself) {
  fill("backbone.layer2.0.bn2.running_var", std::numeric_limits<float>::infinity());
  EXPECT_EQ(found(), "backbone.layer2.0.bn2.running_var");
}

TEST_F(FirstNonFiniteLayer, IsTheImagesWhereTheyAreNot) {
  images_[1][2][3][4] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(found(), "images");
}

TEST_F(FirstNonFiniteLayer, IsFoundUnderAutocast) {
  enlarge("backbone.layer1.1.conv1.weight");
  EXPECT_EQ(found(model::Precision::kBf16), "backbone.layer1.1.conv1");
}

TEST_F(FirstNonFiniteLayer, IsFoundWithGradientCheckpointing) {
  classifier_->set_gradient_checkpointing(model::GradientCheckpointing::kOn);
  enlarge("backbone.layer1.1.conv1.weight");
  EXPECT_EQ(found(), "backbone.layer1.1.conv1");
}

TEST_F(FirstNonFiniteLayer, LeavesStatisticsAndRandomNumbersAlone) {
  enlarge("backbone.layer2.1.conv2.weight");
  model::TensorMap before;
  for (const auto& [name, tensor] : classifier_->state()) before[name] = tensor.clone();
  torch::manual_seed(7);
  found();
  const torch::Tensor drawn = torch::rand({4});
  torch::manual_seed(7);
  EXPECT_TRUE(drawn.equal(torch::rand({4})));
  for (const auto& [name, tensor] : classifier_->state()) EXPECT_TRUE(tensor.equal(before.at(name))) << name;
}

TEST_F(FirstNonFiniteLayer, LeavesNoWatchBehind) {
  enlarge("head.8.weight");
  found();
  EXPECT_FALSE(at::hasThreadLocalCallbacks());
}

}  // namespace
}  // namespace margay::train
