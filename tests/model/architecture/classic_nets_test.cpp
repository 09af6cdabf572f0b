#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/densenet.h"
#include "margay/model/backbone/vgg.h"
#include "margay/model/classifier.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/published_network.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

TEST(Vggs, ComputeTorchvisionsLogitsAndGradients) {
  testing_support::expect_torchvisions("vgg16_bn", testing_support::oracle("vgg16_bn"));
}

TEST(Vggs, StartAsPublished) {
  torch::manual_seed(3);
  const Vgg tiny({.blocks = {{64}, {4}}});
  const auto convolutions = tiny.named_parameters();
  EXPECT_NEAR(convolutions["features.0.weight"].std().item<double>(), std::sqrt(2.0 / (64 * 9)), 3e-3);
  EXPECT_EQ(convolutions["features.0.bias"].abs().max().item<double>(), 0);
  const auto linears = tiny.make_published_head(3)->named_parameters();
  EXPECT_NEAR(linears["classifier.0.weight"].std().item<double>(), 0.01, 1e-4);
  EXPECT_NEAR(linears["classifier.6.weight"].std().item<double>(), 0.01, 1e-3);
  EXPECT_EQ(linears["classifier.3.bias"].abs().max().item<double>(), 0);
}

TEST(Vggs, HaveTheirLinearLayersUnderTimmsNames) {
  const Naming timm = testing_support::naming_of(find_architecture("vgg16"), "timm");
  EXPECT_EQ(testing_support::renamed(timm, "features.28.weight"), "features.28.weight");
  EXPECT_EQ(testing_support::renamed(timm, "pre_logits.fc1.weight"), "classifier.0.weight");
  EXPECT_EQ(testing_support::renamed(timm, "pre_logits.fc2.bias"), "classifier.3.bias");
  EXPECT_EQ(testing_support::renamed(timm, "head.fc.weight"), "classifier.6.weight");
}

TEST(Vggs, AreSplitWhereFastaiSplitsThem) {
  const auto early = find_architecture("vgg16").build({})->early_children();
  EXPECT_EQ(early.size(), 22U);
  EXPECT_EQ(early.back(), "features.21");
}

TEST(SqueezeNets, ComputeTorchvisionsLogitsAndGradients) {
  for (const char* name : {"squeezenet1_0", "squeezenet1_1"}) {
    testing_support::expect_torchvisions(name, testing_support::oracle(name));
  }
}

TEST(SqueezeNets, StartAsPublished) {
  torch::manual_seed(3);
  const auto backbone = find_architecture("squeezenet1_1").build({});
  // Kaiming uniform: within sqrt(6 / inputs).
  EXPECT_NEAR(backbone->named_parameters()["features.0.weight"].abs().max().item<double>(), std::sqrt(6.0 / 27), 5e-3);
  const auto head = backbone->make_published_head(20)->named_parameters();
  EXPECT_NEAR(head["classifier.1.weight"].std().item<double>(), 0.01, 5e-4);
  EXPECT_EQ(head["classifier.1.bias"].abs().max().item<double>(), 0);
}

TEST(SqueezeNets, AreSplitWhereFastaiSplitsThem) {
  const auto groups = make_classifier({.architecture = "squeezenet1_1"})->parameter_groups();
  EXPECT_EQ(groups[0].parameters.size(), 2U + 2 * 6);  // a convolution and two Fire modules
  EXPECT_EQ(groups[0].parameters.back().name, "backbone.features.4.expand3x3.bias");
  EXPECT_EQ(groups[1].parameters.front().name, "backbone.features.6.squeeze.weight");
}

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

using testing_support::expect_near;

constexpr double kFlatNetTolerance = 1e-6;

std::shared_ptr<Classifier> book_network(const std::string& name) {
  torch::manual_seed(2);
  return make_classifier({.architecture = name, .in_channels = 1, .head = {.kind = HeadKind::kPublished}});
}

/// The book's names: those of its Sequential.
TensorMap book_state(const Classifier& classifier) {
  TensorMap state;
  for (const auto& [name, tensor] : classifier.state()) state[testing_support::published_name(name)] = tensor;
  return state;
}

TEST(FlatNets, LinearIsPixelsTimesWeightsPlusBias) {
  const auto classifier = book_network("linear");
  TensorMap state = book_state(*classifier);
  ASSERT_EQ(state.size(), 2U);
  const torch::Tensor images = torch::rand({3, 1, 28, 28});
  const torch::Tensor expected = images.view({3, 784}).matmul(state.at("0.weight").t()) + state.at("0.bias");
  expect_near(classifier->forward(images), expected, kFlatNetTolerance);
}

TEST(FlatNets, SimpleNetHasThirtyRectifiedFeatures) {
  const auto classifier = book_network("simple_net");
  TensorMap state = book_state(*classifier);
  ASSERT_EQ(state.size(), 4U);
  EXPECT_EQ(state.at("0.weight").sizes(), (std::vector<std::int64_t>{30, 784}));
  const torch::Tensor images = torch::rand({3, 1, 28, 28});
  const torch::Tensor hidden =
      (images.view({3, 784}).matmul(state.at("0.weight").t()) + state.at("0.bias")).clamp_min(0);
  expect_near(classifier->forward(images), hidden.matmul(state.at("2.weight").t()) + state.at("2.bias"),
              kFlatNetTolerance);
}

TEST(FlatNets, ReadColoursOneAfterTheOther) {
  const auto classifier = make_classifier({.architecture = "linear", .image_px = 2});
  const torch::Tensor images =
      torch::arange(12, torch::kFloat).view({1, 3, 2, 2}).contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(torch::equal(classifier->extract(images).flatten(), torch::arange(12, torch::kFloat)));
}

TEST(FlatNets, RefuseImagesOfAnotherSize) {
  const auto classifier = book_network("linear");
  const std::string message = testing_support::thrown_message<std::invalid_argument>([&] {
    classifier->forward(torch::zeros({1, 1, 28, 30}));
  });
  EXPECT_EQ(message, "[Backbone] images must be 28x28 pixels, got 28x30; image_px makes the network for others");
}

TEST(FlatNets, HaveAllButTheClassesInTheSecondGroup) {
  const auto groups = book_network("simple_net")->parameter_groups();
  EXPECT_TRUE(groups[0].parameters.empty());
  EXPECT_EQ(groups[1].parameters.size(), 2U);
  EXPECT_EQ(groups[2].parameters.size(), 2U);
}

}  // namespace

}  // namespace margay::model
