// Every network of the table computes what it describes.
#include "margay/model/graph/run_graph.h"

#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/graph/graph.h"
#include "margay/model/precision.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

/// Numbers as training leaves them: no norm is the identity, no scale tiny, no head zero. Otherwise a forgotten layer
/// would not show.
void give_numbers(torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  for (const auto& each : network.named_parameters()) {
    torch::Tensor tensor = each.value();
    if (each.key().ends_with(".bias")) {
      tensor.uniform_(-0.2, 0.2);
    } else if (tensor.numel() == tensor.size(0)) {
      tensor.uniform_(0.5, 1.5);
    } else if (tensor.dim() != 4 && (tensor.abs().max() < 0.1).item<bool>()) {
      tensor.normal_(0, 0.1);
    }
  }
  for (const auto& each : network.named_buffers()) {
    torch::Tensor tensor = each.value();
    if (each.key().ends_with("running_mean")) tensor.uniform_(-0.2, 0.2);
    if (each.key().ends_with("running_var")) tensor.uniform_(0.7, 1.3);
  }
}

std::shared_ptr<Classifier> ready_classifier(const ClassifierOptions& options) {
  torch::manual_seed(1);
  auto classifier = make_classifier(options);
  give_numbers(*classifier);
  classifier->eval();
  return classifier;
}

/// As a share of their range.
double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / (b.max() - b.min())).item<double>();
}

/// Of logits that are sums of up to a hundred layers in another order.
constexpr double kOfTheRange = 1e-4;

/// Runs the graph and compares its logits with the network's, and the shapes of all its values with those in it.
void expect_described(Classifier& classifier, std::int64_t image_px) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, classifier.options().in_channels, image_px, image_px});
  const Graph graph = describe(classifier, image_px);
  std::size_t misshapen = 0;
  const auto examine = [&](ValueId value, const torch::Tensor& tensor) {
    misshapen += tensor.sizes().vec() == with_batch(graph.shape(value), 2) ? 0 : 1;
  };
  const torch::Tensor logits = run_graph(graph, images, examine);
  EXPECT_EQ(misshapen, 0U);
  EXPECT_LT(largest_difference(logits, classifier.forward(images)), kOfTheRange);
  EXPECT_EQ(graph.shape(graph.features),
            (Shape{kAnySize, classifier.backbone().features(), classifier.extract(images).size(2),
                   classifier.extract(images).size(3)}));
}

struct DescribedNetwork {
  std::string name;
  Arithmetic arithmetic = Arithmetic::kUsual;
};

std::string label_of(const testing::TestParamInfo<DescribedNetwork>& info) {
  return info.param.name + "_" + core::to_text(info.param.arithmetic);
}

/// One of every family, and those whose layers differ from it; all of them where there is time.
std::vector<DescribedNetwork> described_networks() {
  const std::set<std::string> others = {"resnet50", "resnet20", "squeezenet1_1", "mobilenet_v3_small",
                                        "mobilenet_v3_large"};
  std::set<std::string> families = {"Wide ResNet"};  // of ResNet's layers
  std::vector<DescribedNetwork> networks;
  for (const Architecture& each : architectures()) {
    const bool is_new = families.insert(each.family).second || others.contains(each.name);
    if (!is_new && testing_support::scaled(0, 1) == 0) continue;
    networks.push_back({each.name});
    for (const Arithmetic arithmetic : each.arithmetics) networks.push_back({each.name, arithmetic});
  }
  return networks;
}

class DescribedNetworks : public testing::TestWithParam<DescribedNetwork> {};

/// A side that all poolings halve evenly, and an odd one, of which borders are left; networks that take one size only
/// are made for it.
TEST_P(DescribedNetworks, GiveTheirLogits) {
  const Architecture& architecture = find_architecture(GetParam().name);
  const bool is_vgg = architecture.family == "VGG";
  const bool is_published = architecture.classes > 0 && (!is_vgg || testing_support::scaled(0, 1) == 1);
  const auto classifier =
      ready_classifier({.architecture = architecture.name,
                        .num_classes = 10,
                        .image_px = architecture.input_px < 64 ? architecture.input_px : 112,  // patches of 14 and 16
                        .arithmetic = GetParam().arithmetic,
                        .head = {.kind = is_published ? HeadKind::kPublished : HeadKind::kFastai}});
  const std::optional<std::int64_t> only_px = classifier->backbone().only_px();
  for (const std::int64_t px : only_px ? std::vector<std::int64_t>{*only_px} : std::vector<std::int64_t>{64, 75}) {
    expect_described(*classifier, px);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, DescribedNetworks, testing::ValuesIn(described_networks()), label_of);

class RunGraph : public testing::Test {
 protected:
  const torch::NoGradGuard no_grad_;
};

TEST_F(RunGraph, GivesTheLogitsOfEveryHead) {
  const std::vector<HeadOptions> heads = {{},
                                          {.hidden = {0}},
                                          {.hidden = {32, 16}, .dropout = {0.1, 0.2, 0.3}},
                                          {.concat_pool = false},
                                          {.lin_first = true},
                                          {.bn_final = true},
                                          {.kind = HeadKind::kLinear},
                                          {.kind = HeadKind::kPublished}};
  for (const char* name : {"resnet20", "simple_net"}) {
    for (const HeadOptions& head : heads) {
      expect_described(*ready_classifier({.architecture = name, .num_classes = 4, .image_px = 28, .head = head}), 28);
    }
  }
}

TEST_F(RunGraph, TakesImagesOfOneChannel) {
  expect_described(*ready_classifier({.architecture = "resnet20", .in_channels = 1}), 32);
  expect_described(*ready_classifier({.architecture = "linear", .in_channels = 1, .image_px = 28}), 28);
}

TEST_F(RunGraph, GivesTheLogitsOfAFoldedNetwork) {
  const auto classifier = ready_classifier({.architecture = "resnet18d", .num_classes = 4});
  fold_batch_norms(*classifier);
  expect_described(*classifier, 64);
}

/// Weights in bfloat16 are those numbers, whatever computes with them.
TEST_F(RunGraph, ComputesInTheTypeOfTheImages) {
  for (const char* name : {"resnet20", "vit_tiny_patch16_224", "swin_t"}) {
    const auto classifier = ready_classifier({.architecture = name, .num_classes = 4, .image_px = 64});
    store_weights_in(*classifier, Precision::kBf16);
    const Graph graph = describe(*classifier, 64);
    const torch::Tensor images = torch::randn({2, 3, 64, 64});
    const torch::Tensor logits = run_graph(graph, images);
    ASSERT_EQ(logits.scalar_type(), torch::kFloat);
    classifier->to(torch::kFloat);
    EXPECT_LT(largest_difference(logits, classifier->forward(images)), kOfTheRange) << name;
  }
}

/// Module::to(dtype) converts whole numbers, too; they stay indices.
TEST_F(RunGraph, TakesANetworkOfAnotherType) {
  const auto classifier = ready_classifier({.architecture = "swin_t", .num_classes = 4});
  classifier->to(torch::kDouble);
  const torch::Tensor images = torch::randn({1, 3, 64, 64}, torch::kDouble);
  EXPECT_LT(largest_difference(run_graph(describe(*classifier, 64), images), classifier->forward(images)), 1e-6);
}

TEST_F(RunGraph, RefusesOtherImages) {
  const Graph graph = describe(*ready_classifier({.architecture = "resnet20"}), 32);
  const std::string message = testing_support::thrown_message<std::invalid_argument>([&] {
    run_graph(graph, torch::zeros({2, 3, 32, 40}));
  });
  EXPECT_NE(message.find("[-1, 3, 32, 32], got [2, 3, 32, 40]"), std::string::npos) << message;
}

}  // namespace
}  // namespace margay::model
