#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/classifier.h"
#include "tests/support/published_network.h"
#include "tests/support/tensor_near.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

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
