#include "margay/model/fold_batch_norms.h"

#include <set>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/graph/layer.h"

namespace margay::model {
namespace {

/// Numbers as training leaves them: no norm is the identity.
void give_norms_numbers(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& each : module.modules()) {
    if (auto* norm = each->as<torch::nn::BatchNorm2dImpl>()) {
      norm->weight.uniform_(0.5, 1.5);
      norm->bias.uniform_(-0.5, 0.5);
      norm->running_mean.uniform_(-0.5, 0.5);
      norm->running_var.uniform_(0.5, 2);
    }
  }
}

std::size_t count_norms(const torch::nn::Module& module) {
  std::size_t count = 0;
  for (const auto& each : module.modules()) count += each->as<torch::nn::BatchNorm2dImpl>() != nullptr ? 1 : 0;
  return count;
}

double distance_in_range(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / (b.max() - b.min())).item<double>();
}

class FoldBatchNorms : public testing::Test {
 protected:
  FoldBatchNorms() { torch::manual_seed(1); }
  const torch::NoGradGuard no_grad_;
};

TEST_F(FoldBatchNorms, KeepsLogits) {
  constexpr double kTolerance = 1e-5;
  for (const char* name : {"resnet20", "resnet18", "resnet50"}) {
    const auto classifier = make_classifier({.architecture = name, .num_classes = 10});
    give_norms_numbers(*classifier);
    classifier->eval();
    const torch::Tensor images = torch::randn({2, 3, 64, 64});
    const torch::Tensor before = classifier->forward(images);
    fold_batch_norms(*classifier);
    EXPECT_EQ(count_norms(*classifier), 0U) << name;
    EXPECT_LT(distance_in_range(classifier->forward(images), before), kTolerance) << name;
  }
}

/// The first of each family of the table: pairs that only look like pairs would show.
TEST_F(FoldBatchNorms, KeepsLogitsOfEveryFamily) {
  constexpr double kTolerance = 1e-4;   // of networks of any depth
  constexpr int kWholePatchesPx = 112;  // whole patches of 14 and of 16 pixels
  std::set<std::string> seen;
  for (const Architecture& each : architectures()) {
    if (!seen.insert(each.family).second) continue;
    const auto classifier =
        make_classifier({.architecture = each.name, .num_classes = 10, .image_px = kWholePatchesPx});
    give_norms_numbers(*classifier);
    classifier->eval();
    const torch::Tensor images = torch::randn({1, 3, kWholePatchesPx, kWholePatchesPx});
    const torch::Tensor before = classifier->forward(images);
    fold_batch_norms(*classifier);
    EXPECT_LT(distance_in_range(classifier->forward(images), before), kTolerance) << each.name;
  }
}

TEST_F(FoldBatchNorms, FindsTheNormsOfMobileNetworksToo) {
  for (const char* name : {"mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0"}) {
    const auto classifier = make_classifier({.architecture = name, .num_classes = 10});
    classifier->eval();
    fold_batch_norms(*classifier);
    EXPECT_EQ(count_norms(*classifier), 0U) << name;
  }
}

TEST_F(FoldBatchNorms, LeavesOneTreeOfWhatIsComputed) {
  const auto classifier = make_classifier({.architecture = "resnet18"});
  classifier->eval();
  fold_batch_norms(*classifier);
  const TensorMap state = classifier->state();
  EXPECT_EQ(state.count("backbone.bn1.weight"), 0U);
  EXPECT_EQ(state.count("backbone.layer2.0.downsample.0.bias"), 1U);
  EXPECT_TRUE(state.at("backbone.conv1.weight").is_contiguous(torch::MemoryFormat::ChannelsLast));
  const torch::Tensor images = torch::randn({1, 3, 64, 64});
  const torch::Tensor before = classifier->forward(images);
  state.at("backbone.conv1.bias").add_(1);
  EXPECT_FALSE(classifier->forward(images).equal(before));
  classifier->to(torch::kDouble);
  EXPECT_EQ(classifier->forward(images.to(torch::kDouble)).scalar_type(), torch::kDouble);
}

TEST_F(FoldBatchNorms, ChangesNothingTheSecondTime) {
  const auto classifier = make_classifier({.architecture = "resnet20"});
  give_norms_numbers(*classifier);
  classifier->eval();
  fold_batch_norms(*classifier);
  const torch::Tensor images = torch::randn({1, 3, 64, 64});
  const torch::Tensor before = classifier->forward(images);
  fold_batch_norms(*classifier);
  EXPECT_TRUE(classifier->forward(images).equal(before));
}

TEST_F(FoldBatchNorms, FindsNeighboursInSequentials) {
  torch::nn::Sequential layers(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(4, 8, 3).groups(4).stride(2).padding(1).dilation(1)),
      torch::nn::BatchNorm2d(8), torch::nn::ReLU(), torch::nn::BatchNorm2d(8),
      torch::nn::Conv2d(torch::nn::Conv2dOptions(8, 4, 1).bias(false)),
      torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(4).affine(false)));
  give_norms_numbers(*layers->ptr(1));
  give_norms_numbers(*layers->ptr(3));
  layers->eval();
  const torch::Tensor x = torch::randn({2, 4, 8, 8});
  const torch::Tensor before = layers->forward(x);
  fold_batch_norms(*layers);
  EXPECT_EQ(count_norms(*layers), 1U) << "the one that follows no convolution";
  EXPECT_TRUE(layers->forward(x).allclose(before, 1e-5, 1e-6));
}

/// bn1 follows the last convolution of a stem that is a Sequential.
TEST_F(FoldBatchNorms, FindsPairsAcrossModules) {
  const auto classifier = make_classifier({.architecture = "resnet18d", .num_classes = 10});
  give_norms_numbers(*classifier);
  classifier->eval();
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  const torch::Tensor before = classifier->forward(images);
  fold_batch_norms(*classifier);
  EXPECT_EQ(count_norms(*classifier), 0U);
  EXPECT_LT(distance_in_range(classifier->forward(images), before), 1e-5);
}

/// norm(conv(x)) + conv(x).
struct BothImpl : torch::nn::Module, DescribedLayer {
  BothImpl() : conv(2, 2, 1), norm(2) {
    register_module("conv", conv);
    register_module("norm", norm);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = conv(x);
    return norm(y) + y;
  }
  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId y = graph.convolution(x, conv);
    return graph.step(op::Add{}, {graph.batch_norm(y, norm), y});
  }

  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d norm;
};
TORCH_MODULE(Both);

TEST_F(FoldBatchNorms, LeavesAConvolutionThatIsNeededTwice) {
  Both both;
  give_norms_numbers(*both);
  both->eval();
  const torch::Tensor x = torch::randn({1, 2, 4, 4});
  const torch::Tensor before = both->forward(x);
  fold_batch_norms(*both);
  EXPECT_EQ(count_norms(*both), 1U);
  EXPECT_TRUE(both->forward(x).equal(before));
}

TEST_F(FoldBatchNorms, LeavesNormsOfTheBatchAlone) {
  torch::nn::Sequential layers(torch::nn::Conv2d(2, 3, 1),
                               torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(3).track_running_stats(false)));
  layers->eval();
  fold_batch_norms(*layers);
  EXPECT_EQ(count_norms(*layers), 1U);
}

TEST_F(FoldBatchNorms, IsRefusedInTrainMode) {
  const auto classifier = make_classifier({.architecture = "resnet20"});
  EXPECT_THROW(fold_batch_norms(*classifier), std::invalid_argument);
}

}  // namespace
}  // namespace margay::model
