#include <memory>
#include <string>
#include <vector>

#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/network_draws.h"
#include "margay/model/precision.h"
#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"

namespace margay::testing_support {
namespace {

/// While it lives it notes every operator of this thread that copies an image-shaped tensor [N,C,H,W] without
/// converting its type: a change of layout that nobody asked for. (Types change where autocast wants it; a parameter's
/// is a tensor of four dimensions, too, but is in the right layout already.)
class LayoutWatch {
 public:
  LayoutWatch() {
    watching() = this;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(&begin).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  LayoutWatch(const LayoutWatch&) = delete;
  LayoutWatch& operator=(const LayoutWatch&) = delete;
  ~LayoutWatch() {
    at::removeCallback(handle_);
    watching() = nullptr;
  }

  /// Each copy as "aten::copy_ [2, 64, 16, 16] strides […] -> […]".
  const std::vector<std::string>& copies() const { return copies_; }

 private:
  static LayoutWatch*& watching() {
    static thread_local LayoutWatch* watch = nullptr;
    return watch;
  }

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& op) {
    watching()->examine(op);
    return nullptr;
  }

  static bool is_image(const c10::IValue& value) {
    return value.isTensor() && value.toTensor().defined() && value.toTensor().dim() == 4;
  }

  /// Everything that copies, such as contiguous and clone, goes through copy_(to, from) in the end.
  void examine(const at::RecordFunction& op) {
    const std::string name = op.name();
    const auto inputs = op.inputs();
    if (name == "aten::copy_" && inputs.size() >= 2 && is_image(inputs[0]) && is_image(inputs[1])) {
      const torch::Tensor to = inputs[0].toTensor();
      const torch::Tensor from = inputs[1].toTensor();
      const bool is_conversion_of_type = to.scalar_type() != from.scalar_type() && to.strides() == from.strides();
      if (!is_conversion_of_type) note(name, from, to);
    }
  }

  void note(const std::string& name, const torch::Tensor& from, const torch::Tensor& to) {
    const auto text = [](torch::IntArrayRef numbers) {
      std::string all;
      for (const std::int64_t each : numbers) all += std::to_string(each) + " ";
      return all;
    };
    copies_.push_back(name + " of " + text(from.sizes()) + "strides " + text(from.strides()) + "-> " +
                      text(to.strides()));
  }

  at::CallbackHandle handle_ = at::INVALID_CALLBACK_HANDLE;
  std::vector<std::string> copies_;
};

}  // namespace

}  // namespace margay::testing_support

namespace margay::model {
namespace {

using testing_support::thrown_message;

std::int64_t count_parameters(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const torch::Tensor& each : module.parameters()) count += each.numel();
  return count;
}

TEST(Architectures, HaveTheParametersTheyClaim) {
  const WithoutDraws quickly;
  for (const Architecture& each : architectures()) {
    const auto backbone = each.build({.image_px = each.input_px});
    const torch::nn::Sequential head = backbone->make_published_head(each.classes);
    EXPECT_EQ(count_parameters(*backbone) + count_parameters(*head), each.parameters) << each.name;
  }
}

TEST(Architectures, DescribeWhatTheyBuild) {
  const torch::NoGradGuard no_grad;
  for (const std::string name : {"resnet18", "resnet50", "resnet20"}) {
    const auto backbone = find_architecture(name).build({});
    backbone->eval();
    for (const std::int64_t side : {64, 96, 65}) {
      const torch::Tensor features = backbone->forward(torch::randn({1, 3, side, side}));
      const std::int64_t steps = (side + backbone->stride() - 1) / backbone->stride();
      EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{1, backbone->features(), steps, steps})) << name;
    }
  }
}

TEST(Architectures, StagesTogetherAreTheForwardPass) {
  const auto backbone = find_architecture("resnet20").build({});
  backbone->eval();
  const torch::Tensor images = torch::randn({1, 3, 64, 64});
  torch::Tensor x = images;
  std::vector<std::string> names;
  for (const Backbone::Stage& stage : backbone->stages()) {
    names.push_back(stage.name);
    x = stage.run(x);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"stem", "layer1", "layer2", "layer3"}));
  EXPECT_TRUE(torch::equal(x, backbone->forward(images)));
}

TEST(Architectures, KeepTheLayoutOfChannels) {
  const auto backbone = find_architecture("resnet18").build({});
  const torch::Tensor images = torch::randn({2, 3, 64, 64}).contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(backbone->forward(images).is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Architectures, StartWithKaimingsSpread) {
  torch::manual_seed(5);
  const auto backbone = find_architecture("resnet18").build({});
  const auto parameters = backbone->named_parameters();
  const auto spread = [&](const char* name) { return parameters[name].std().item<double>(); };
  EXPECT_NEAR(spread("conv1.weight"), std::sqrt(2.0 / (64 * 49)), 1e-3);
  EXPECT_NEAR(spread("layer4.1.conv2.weight"), std::sqrt(2.0 / (512 * 9)), 1e-4);
  EXPECT_NEAR(spread("layer2.0.downsample.0.weight"), std::sqrt(2.0 / 128), 5e-3);
  EXPECT_TRUE(torch::equal(parameters["layer1.0.bn2.weight"], torch::ones({64})));
  EXPECT_TRUE(torch::equal(parameters["layer1.0.bn2.bias"], torch::zeros({64})));
}

TEST(Architectures, WhoseWeightsTorchvisionPublishesAreComparedWithIt) {
  for (const Architecture& each : architectures()) {
    const bool is_torchvisions = each.weights_name.find(kTorchvisionOracle) != std::string::npos;
    EXPECT_EQ(each.oracle == kTorchvisionOracle, is_torchvisions) << each.name;
    EXPECT_TRUE(each.oracle.empty() || !each.weights_url.empty()) << each.name;
  }
}

TEST(Architectures, SuggestTheNearestName) {
  const std::string message = thrown_message<std::invalid_argument>([] { find_architecture("resnet-34"); });
  EXPECT_NE(message.find("did you mean 'resnet34'?"), std::string::npos) << message;
}

using testing_support::LayoutWatch;

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

/// A network and the copies of images that its paper needs.
struct Network {
  std::string name;
  std::size_t copies = 0;
};

/// Each family's typical ones.
std::vector<Network> networks() { return {{"resnet18"}, {"resnet50"}, {"resnet20"}}; }

constexpr std::int64_t kSidePx = 64;

std::vector<std::string> copies_of_forward(const Network& network, Precision precision, bool is_training) {
  const auto classifier = make_classifier(
      {.architecture = network.name, .num_classes = 3, .image_px = kSidePx, .head = {.kind = HeadKind::kLinear}});
  classifier->train(is_training);
  const torch::AutoGradMode with_graph(is_training);
  const torch::Tensor images = torch::randn({2, 3, kSidePx, kSidePx}).contiguous(kChannelsLast);
  const Autocast autocast(torch::kCPU, precision);
  const LayoutWatch watch;
  classifier->forward(images);
  return watch.copies();
}

TEST(ChannelsLast, GoesThroughWithoutHiddenCopies) {
  for (const Network& network : networks()) {
    for (const bool is_training : {true, false}) {
      for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
        const auto copies = copies_of_forward(network, precision, is_training);
        EXPECT_EQ(copies.size(), network.copies)
            << network.name << " training " << is_training << " bf16 " << (precision == Precision::kBf16) << "\n"
            << testing::PrintToString(copies);
      }
    }
  }
}

TEST(ChannelsLast, IsTheLayoutOfTheFeatures) {
  for (const Network& network : networks()) {
    const auto classifier = make_classifier({.architecture = network.name, .num_classes = 3, .image_px = kSidePx});
    const torch::Tensor images = torch::randn({2, 3, kSidePx, kSidePx}).contiguous(kChannelsLast);
    EXPECT_TRUE(classifier->extract(images).is_contiguous(kChannelsLast)) << network.name;
  }
}

/// So that an empty list means something.
TEST(ChannelsLast, IsMissedWhereItIsMissing) {
  const LayoutWatch watch;
  torch::randn({2, 3, 4, 4}).contiguous(kChannelsLast).contiguous();
  EXPECT_EQ(watch.copies().size(), 2U);
}

}  // namespace

}  // namespace margay::model
