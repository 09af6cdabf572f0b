#include "margay/model/graph/graph_builder.h"

#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/graph/layer.h"
#include "margay/model/graph/run_graph.h"
#include "margay/model/graph/shapes.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

std::shared_ptr<Classifier> small_classifier(const char* name, std::int64_t image_px = 64) {
  return make_classifier({.architecture = name, .num_classes = 3, .image_px = image_px});
}

const GraphValue& value_named(const Graph& graph, const std::string& name) {
  const auto found = std::find_if(graph.values.begin(), graph.values.end(),
                                  [&](const GraphValue& value) { return value.name == name; });
  if (found == graph.values.end()) throw std::out_of_range(name);
  return *found;
}

Graph graph_of(torch::nn::Sequential& layers, const Shape& images) {
  GraphBuilder builder(*layers, images);
  return builder.finish(builder.layer(builder.images(), *layers));
}

TEST(GraphBuilder, NamesValuesByTheirLayersAndModules) {
  const auto classifier = small_classifier("resnet20");
  const Graph graph = describe(*classifier, 32);
  EXPECT_EQ(value_named(graph, "images").shape, (Shape{kAnySize, 3, 32, 32}));
  EXPECT_EQ(value_named(graph, "backbone.conv1").shape, (Shape{kAnySize, 16, 16, 16}));
  EXPECT_EQ(value_named(graph, "backbone.conv1.weight").shape, (Shape{16, 3, 3, 3}));
  EXPECT_EQ(value_named(graph, "backbone.layer1.0/add").shape, (Shape{kAnySize, 16, 16, 16}));
  EXPECT_EQ(value_named(graph, "backbone.layer1.0/relu_2").shape, (Shape{kAnySize, 16, 16, 16}));
  EXPECT_EQ(value_named(graph, "head.4").shape, (Shape{kAnySize, 512}));
  EXPECT_EQ(graph.values.at(graph.logits).name, "logits");
  EXPECT_EQ(graph.shape(graph.logits), (Shape{kAnySize, 3}));
  EXPECT_EQ(graph.shape(graph.features), (Shape{kAnySize, 64, 4, 4}));
}

/// The smallest of every kind of block.
constexpr std::array kNetworks = {"resnet20",        "resnet18d",
                                  "squeezenet1_1",   "densenet121",
                                  "mobilenet_v2",    "mobilenet_v3_small",
                                  "efficientnet_b0", "convnext_tiny",
                                  "swin_t",          "vit_tiny_patch16_224",
                                  "linear",          "simple_net",
                                  "convnextv2_atto", "mobilenetv4_conv_small",
                                  "repvit_m0_9"};

TEST(GraphBuilder, SharesEveryTensorOfTheStateByItsName) {
  for (const char* name : kNetworks) {
    const auto classifier = small_classifier(name);
    TensorMap state = classifier->state();
    std::erase_if(state, [](const auto& each) { return each.first.ends_with("num_batches_tracked"); });
    const Graph graph = describe(*classifier, 64);
    std::size_t found = 0;
    for (const GraphValue& value : graph.values) {
      const auto own = state.find(value.name);
      if (own == state.end()) continue;
      ++found;
      EXPECT_EQ(value.tensor.data_ptr(), own->second.data_ptr()) << value.name;
    }
    EXPECT_EQ(found, state.size()) << name;
  }
}

TEST(GraphBuilder, ComputesEveryValueOnceAndBeforeItIsTaken) {
  for (const char* name : kNetworks) {
    const Graph graph = describe(*small_classifier(name), 64);
    std::set<std::string> names;
    std::vector<bool> is_there(graph.values.size(), false);
    for (ValueId i = 0; i < graph.values.size(); ++i) {
      EXPECT_TRUE(names.insert(graph.values[i].name).second) << graph.values[i].name;
      is_there[i] = graph.values[i].tensor.defined() || i == graph.images;
    }
    for (const Node& node : graph.nodes) {
      for (const ValueId input : node.inputs) EXPECT_TRUE(is_there.at(input)) << graph.values[input].name;
      EXPECT_FALSE(is_there.at(node.output)) << graph.values[node.output].name;
      is_there.at(node.output) = true;
    }
    EXPECT_TRUE(is_there.at(graph.logits) && is_there.at(graph.features)) << name;
  }
}

TEST(GraphBuilder, LeavesNoTranspositionThatTheNextOneUndoes) {
  const Graph graph = describe(*small_classifier("convnext_tiny"), 64);
  std::set<ValueId> transposed;
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<op::Transpose>(node.operation)) continue;
    EXPECT_FALSE(transposed.contains(node.inputs.front())) << graph.values[node.output].name;
    transposed.insert(node.output);
  }
  EXPECT_FALSE(transposed.empty());
}

TEST(GraphBuilder, KnowsLibTorchsLayers) {
  torch::manual_seed(2);
  torch::nn::Sequential layers(
      torch::nn::Conv2d(
          torch::nn::Conv2dOptions(4, 6, {3, 5}).stride({1, 2}).padding({0, 2}).dilation({2, 1}).groups(2)),
      torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(6).affine(false)), torch::nn::ReLU6(),
      torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions(2).ceil_mode(true)), torch::nn::SiLU(),
      torch::nn::AvgPool2d(torch::nn::AvgPool2dOptions(3).stride(2).padding(1).count_include_pad(true)),
      torch::nn::GELU(torch::nn::GELUOptions().approximate("tanh")), torch::nn::AdaptiveAvgPool2d(3),
      torch::nn::AdaptiveMaxPool2d(2), torch::nn::Identity(), torch::nn::Dropout(0.3), torch::nn::Flatten(),
      torch::nn::LayerNorm(torch::nn::LayerNormOptions({24}).elementwise_affine(false)), torch::nn::Sigmoid(),
      torch::nn::Linear(torch::nn::LinearOptions(24, 5).bias(false)), torch::nn::BatchNorm1d(5), torch::nn::GELU());
  layers->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::randn({3, 4, 17, 19});
  const Graph graph = graph_of(layers, {kAnySize, 4, 17, 19});
  const torch::Tensor expected = layers->forward(x);
  EXPECT_EQ(graph.shape(graph.logits), (Shape{kAnySize, 5}));
  EXPECT_TRUE(run_graph(graph, x).allclose(expected, 1e-5, 1e-6));
}

struct SilentImpl : torch::nn::Module {
  torch::Tensor forward(torch::Tensor x) { return x; }
};
TORCH_MODULE(Silent);

TEST(GraphBuilder, RefusesModulesThatItDoesNotKnow) {
  torch::nn::Sequential layers;
  layers->push_back(torch::nn::Identity());
  layers->push_back(Silent());
  const std::string message = testing_support::thrown_message<std::invalid_argument>([&] {
    graph_of(layers, {kAnySize, 4, 8, 8});
  });
  EXPECT_NE(message.find("[describe] 1 is a"), std::string::npos) << message;
}

/// The layer that has no room, not an operator of LibTorch's.
TEST(Describe, RefusesImagesThatAreTooSmall) {
  const auto message_for = [](const char* name, std::int64_t px) {
    const auto classifier = make_classifier({.architecture = name, .num_classes = 3});
    return testing_support::thrown_message<std::invalid_argument>([&] { describe(*classifier, px); });
  };
  EXPECT_EQ(message_for("squeezenet1_1", 2),
            "[backbone.features.0] the images are too small: a window of 3 pixels does not fit into the 2 that are "
            "left of them");
  EXPECT_NE(message_for("swin_t", 3).find("[backbone.features.0.0]"), std::string::npos);
  EXPECT_NE(message_for("densenet121", 16).find("[backbone.features.transition3/avg_pool2d]"), std::string::npos);
  EXPECT_NE(message_for("vit_tiny_patch16_224", 64).find("images must be 224x224 pixels, got 64x64"),
            std::string::npos);
}

TEST(Describe, TakesTheNetworksOwnSizeOfImages) {
  const Graph graph = describe(*make_classifier({.architecture = "resnet20", .num_classes = 3}));
  EXPECT_EQ(graph.shape(graph.images), (Shape{kAnySize, 3, 64, 64}));
}

/// What each of the networks does with sizes that its windows do not divide.
TEST(ResultShape, RoundsAsLibTorchDoes) {
  for (std::int64_t size = 3; size < 12; ++size) {
    const torch::Tensor x = torch::zeros({1, 1, size, size});
    for (const bool rounds_up : {false, true}) {
      const op::Pool pool{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .rounds_up = rounds_up};
      const Shape shape = result_shape(pool, {{kAnySize, 1, size, size}});
      EXPECT_EQ(with_batch(shape, 1), torch::max_pool2d(x, 3, 2, 1, 1, rounds_up).sizes().vec()) << size;
      const op::Pool wide{.kernel = {2, 2}, .stride = {3, 3}, .rounds_up = rounds_up};
      EXPECT_EQ(with_batch(result_shape(wide, {{kAnySize, 1, size, size}}), 1),
                torch::max_pool2d(x, 2, 3, 0, 1, rounds_up).sizes().vec())
          << size;
    }
  }
}

TEST(ResultShape, RepeatsSizesOfOneInSums) {
  EXPECT_EQ(broadcast({kAnySize, 8, 5, 5}, {8, 1, 1}), (Shape{kAnySize, 8, 5, 5}));
  EXPECT_EQ(broadcast({4, 4}, {kAnySize, 2, 1, 4}), (Shape{kAnySize, 2, 4, 4}));
  EXPECT_THROW(broadcast({kAnySize, 3}, {2}), core::Error);
}

/// Multiply-adds of one node with inputs of these shapes, for one image.
std::int64_t macs(const op::Operation& operation, const std::vector<Shape>& inputs) {
  Graph graph;
  Node node{.operation = operation, .inputs = {}};
  for (const Shape& shape : inputs) {
    node.inputs.push_back(graph.values.size());
    graph.values.push_back({"", shape});
  }
  node.output = graph.values.size();
  graph.values.push_back({"", result_shape(operation, inputs)});
  return macs_of(graph, node);
}

/// [8,5,5] of 3x3 windows over 4 channels.
TEST(MacsOf, CountsAConvolution) {
  const op::Convolution conv{.kernel = {3, 3}, .padding = {1, 1}};
  EXPECT_EQ(macs(conv, {{kAnySize, 4, 5, 5}, {8, 4, 3, 3}, {8}}), 8 * 5 * 5 * 4 * 9);
}

TEST(MacsOf, CountsGroupsAndStrides) {
  const op::Convolution conv{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .groups = 4};
  EXPECT_EQ(macs(conv, {{kAnySize, 4, 6, 6}, {4, 1, 3, 3}}), 4 * 3 * 3 * 9);
}

TEST(MacsOf, CountsLinearLayersOfAnyRank) {
  EXPECT_EQ(macs(op::Linear{}, {{kAnySize, 5}, {7, 5}, {7}}), 5 * 7);
  EXPECT_EQ(macs(op::Linear{}, {{kAnySize, 3, 5}, {7, 5}, {7}}), 3 * 5 * 7);
  EXPECT_EQ(macs(op::Linear{}, {{kAnySize, 3, 5}, {7, 5}}), 3 * 5 * 7);
}

TEST(MacsOf, CountsProductsOfBatchesOfMatrices) {
  EXPECT_EQ(macs(op::MatrixProduct{}, {{kAnySize, 6, 3, 5}, {kAnySize, 6, 5, 4}}), 6 * 3 * 5 * 4);
}

TEST(MacsOf, CountsNothingElse) {
  EXPECT_EQ(macs(op::Softmax{1}, {{kAnySize, 5}}), 0);
  EXPECT_EQ(macs(op::Multiply{}, {{kAnySize, 5}, {5}}), 0);
}

}  // namespace
}  // namespace margay::model
