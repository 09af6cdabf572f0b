// The same tensors computed as different publishers do.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/backbone/resnet.h"
#include "margay/model/backbone/vit.h"
#include "margay/model/classifier.h"
#include "margay/model/fold_batch_norms.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using Sides = std::pair<std::int64_t, std::int64_t>;

TEST(SamePadding, IsAsLittleAsTheResultNeedsAndItsOddPixelBehind) {
  EXPECT_EQ(same_padding(4, 3, 2), (Sides{0, 1}));
  EXPECT_EQ(same_padding(5, 3, 2), (Sides{1, 1}));
  EXPECT_EQ(same_padding(4, 5, 2), (Sides{1, 2}));
  EXPECT_EQ(same_padding(7, 5, 2), (Sides{2, 2}));
  EXPECT_EQ(same_padding(4, 1, 2), (Sides{0, 0}));
  EXPECT_EQ(same_padding(6, 3, 1), (Sides{1, 1}));
}

/// Sums over the kernel, behind a norm that only adds eps to a variance of 1.
torch::Tensor sums(Padding padding, double eps) {
  ConvNorm layer(ConvNormOptions{
      .in_channels = 1, .out_channels = 1, .kernel_px = 3, .stride = 2, .norm = {.eps = eps}, .padding = padding});
  const torch::NoGradGuard no_grad;
  layer->named_parameters()["0.weight"].fill_(1);
  layer->eval();
  return layer->forward(torch::ones({1, 1, 4, 4})).view({2, 2});
}

TEST(ConvNorm, PadsBehindAsTensorFlowDoes) {
  EXPECT_TRUE(torch::equal(sums(Padding::kEven, 0), torch::tensor({{4.F, 6.F}, {6.F, 9.F}})));
  EXPECT_TRUE(torch::equal(sums(Padding::kTensorFlow, 0), torch::tensor({{9.F, 6.F}, {6.F, 4.F}})));
}

TEST(ConvNorm, AddsItsEps) {
  EXPECT_NEAR(sums(Padding::kTensorFlow, 1e-3)[0][0].item<double>(), 9 / std::sqrt(1.001), 1e-5);
  EXPECT_NEAR(sums(Padding::kTensorFlow, 3)[0][0].item<double>(), 4.5, 1e-5);
}

std::vector<const torch::nn::BatchNorm2dImpl*> norms_of(const Classifier& classifier) {
  std::vector<const torch::nn::BatchNorm2dImpl*> norms;
  for (const auto& each : classifier.backbone().modules()) {
    if (const auto* norm = each->as<torch::nn::BatchNorm2d>()) norms.push_back(norm);
  }
  return norms;
}

struct NormsOf {
  const char* architecture;
  Arithmetic arithmetic;
  double eps;
  double momentum;
};

TEST(Arithmetic, SetsTheNormsOfThePublisher) {
  for (const NormsOf& each : {NormsOf{"efficientnet_b0", Arithmetic::kUsual, 1e-5, 0.1},
                              NormsOf{"efficientnet_b0", Arithmetic::kTensorFlow, 1e-3, 0.1},
                              NormsOf{"mobilenet_v3_small", Arithmetic::kUsual, 1e-3, 0.01},
                              NormsOf{"mobilenet_v3_small", Arithmetic::kTimm, 1e-5, 0.1},
                              NormsOf{"mobilenet_v3_small", Arithmetic::kTensorFlow, 1e-3, 0.1}}) {
    const auto classifier = make_classifier({.architecture = each.architecture, .arithmetic = each.arithmetic});
    for (const auto* norm : norms_of(*classifier)) {
      ASSERT_EQ(norm->options.eps(), each.eps) << each.architecture;
      ASSERT_EQ(norm->options.momentum(), each.momentum) << each.architecture;
    }
  }
}

/// Whether they differ by more than a thousandth of the largest: a network without training makes small numbers.
bool differ(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / a.abs().max()).item<double>() > 1e-3;
}

/// Features of a network in eval mode with the tensors of another.
torch::Tensor features_of(const std::string& architecture, Arithmetic arithmetic, const TensorMap& state,
                          const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  const auto classifier =
      make_classifier({.architecture = architecture, .image_px = images.size(2), .arithmetic = arithmetic});
  classifier->load_state(state, "state");
  classifier->eval();
  const torch::Tensor features = classifier->extract(images);
  fold_batch_norms(*classifier);
  EXPECT_FALSE(differ(features, classifier->extract(images))) << architecture << " folded";
  return features;
}

TEST(Arithmetic, ChangesResultsButNeitherNamesNorShapes) {
  torch::manual_seed(1);
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  for (const auto& [name, arithmetic] :
       {std::pair{"efficientnet_b0", Arithmetic::kTensorFlow}, std::pair{"mobilenet_v3_small", Arithmetic::kTensorFlow},
        std::pair{"resnet50", Arithmetic::kCaffe}, std::pair{"vit_tiny_patch16_224", Arithmetic::kMeanPooled}}) {
    const TensorMap state = make_classifier({.architecture = name, .image_px = 64})->state();
    const torch::Tensor usual = features_of(name, Arithmetic::kUsual, state, images);
    EXPECT_TRUE(differ(usual, features_of(name, arithmetic, state, images))) << name;
  }
}

TEST(Bottleneck, StridesFirstInCaffe) {
  for (const bool is_first : {false, true}) {
    Bottleneck block({.in_channels = 4, .width = 2, .out_channels = 8, .stride = 2, .strides_first = is_first});
    std::vector<std::int64_t> strides;
    for (const char* name : {"conv1", "conv2", "conv3"}) {
      strides.push_back(block.named_children()[name]->as<torch::nn::Conv2d>()->options.stride()->at(0));
    }
    EXPECT_EQ(strides, is_first ? (std::vector<std::int64_t>{2, 1, 1}) : (std::vector<std::int64_t>{1, 2, 1}));
  }
}

TEST(ViT, CanPoolTheMeanOfItsPatches) {
  const torch::NoGradGuard no_grad;
  const auto network = std::make_shared<ViT>(ViTShape{.width = 8, .depth = 1, .heads = 2},
                                             BackboneOptions{.image_px = 32, .arithmetic = Arithmetic::kMeanPooled});
  const torch::Tensor tokens = torch::randn({1, 5, 8});
  const torch::Tensor mean = tokens.slice(1, 1).mean(1);
  const torch::Tensor expected = (mean - mean.mean()) / (mean.var(1, false, true) + 1e-6).sqrt();
  EXPECT_TRUE(torch::allclose(network->stages().back().run(tokens).view({1, 8}), expected, 1e-4, 1e-5));
}

TEST(Arithmetic, IsRefusedWhereTheNetworkHasNoSuch) {
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>(
                [] { make_classifier({.architecture = "mobilenet_v3_small", .arithmetic = Arithmetic::kCaffe}); }),
            "[classifier] `arithmetic` caffe is not known of mobilenet_v3_small, which has: usual, timm, tensorflow");
}

}  // namespace
}  // namespace margay::model
