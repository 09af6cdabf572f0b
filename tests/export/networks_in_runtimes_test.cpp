#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/export/export_bundle.h"
#include "margay/export/onnx_names.h"
#include "margay/export/runtime.h"
#include "margay/model/architecture/architectures.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"

namespace margay::exporting {
namespace {

/// Small networks of different kinds in short, all of them in the nightly tests.
std::vector<std::string> networks_to_run() {
  if (testing_support::scaled(0, 1) == 0)
    return {"resnet20", "squeezenet1_1", "mobilenet_v3_small", "efficientnet_b0", "mobilenetv4_conv_small"};
  std::vector<std::string> names;
  for (const model::Architecture& each : model::architectures()) names.push_back(each.name);
  return names;
}

bool is_convolutional(const model::Architecture& network) {
  static const std::set<std::string> others = {"ViT", "DINOv2", "DINOv2 with registers", "Swin", "ConvNeXt V2"};
  return !others.contains(network.family);
}

/// With random weights, and the published size in the nightly tests.
bundle::Bundle random_network(const model::Architecture& network) {
  torch::manual_seed(22);
  const int side = testing_support::scaled(64, network.input_px);
  bundle::Bundle bundle;
  bundle.classifier = model::make_classifier(
      {.architecture = network.name, .num_classes = 5, .image_px = side, .head = {.kind = model::HeadKind::kLinear}});
  bundle.classifier->eval();
  bundle.vocabulary = data::Vocabulary({"a", "b", "c", "d", "e"});
  bundle.transforms.augment.size = side;
  bundle.transforms.resize.size = side;
  return bundle;
}

/// The largest |difference| of logits as a share of their range. Throws RuntimeFailure.
double logit_difference(const bundle::Bundle& bundle, Runtime& runtime, int images) {
  const torch::NoGradGuard no_grad;
  const std::int64_t side = bundle.transforms.augment.size;
  double largest = 0;
  float lowest = 0;
  float highest = 0;
  for (int i = 0; i < images; ++i) {
    const torch::Tensor image = torch::randn({1, 3, side, side});
    const torch::Tensor expected = bundle.classifier->forward(image).contiguous();
    const std::span<const float> input(image.data_ptr<float>(), static_cast<std::size_t>(image.numel()));
    const std::vector<float> logits =
        runtime.run({float_tensor(kTensorInput, {1, 3, side, side}, input)}).at(kLogitsOutput).floats();
    EXPECT_EQ(static_cast<std::int64_t>(logits.size()), expected.numel());
    if (static_cast<std::int64_t>(logits.size()) != expected.numel()) return 1;
    for (std::size_t c = 0; c < logits.size(); ++c) {
      const float value = expected.data_ptr<float>()[c];
      largest = std::isfinite(logits[c]) ? std::max(largest, std::abs(static_cast<double>(logits[c]) - value)) : 1e30;
      lowest = i + c == 0 ? value : std::min(lowest, value);
      highest = i + c == 0 ? value : std::max(highest, value);
    }
  }
  EXPECT_GT(highest, lowest);
  return largest / (static_cast<double>(highest) - lowest);
}

class NetworksInRuntimes : public testing::TestWithParam<std::string> {};

TEST_P(NetworksInRuntimes, SayWhatMargaySays) {
  const model::Architecture& network = model::find_architecture(GetParam());
  std::vector<Runner> runners = installed_runners();
  if (const char* const command = std::getenv("MARGAY_ONNX_RUNNER")) {
    runners.push_back({.name = command, .command = command});
  }
  std::erase_if(runners, [&](const Runner& each) { return each.name == "opencv" && !is_convolutional(network); });
  if (runners.empty())
    GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again, or set MARGAY_ONNX_RUNNER";
  const bundle::Bundle bundle = random_network(network);
  const testing_support::TemporaryFolder folder;
  write_onnx(folder / "m.onnx", onnx_of(bundle, {.input = OnnxInput::kTensor}));
  for (const Runner& runner : runners) {
    try {
      const std::unique_ptr<Runtime> runtime = start_runner(runner, folder / "m.onnx");
      const int images = runner.name == "opencv" ? 2 : testing_support::scaled(2, 64);
      const double difference = logit_difference(bundle, *runtime, images);
      EXPECT_LE(difference, 1e-4) << runtime->name() << " " << runtime->version();
      RecordProperty(runtime->name(), fmt::format("{:.1e}", difference));
    } catch (const RuntimeFailure& failure) {
      ADD_FAILURE() << failure.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AtHand, NetworksInRuntimes, testing::ValuesIn(networks_to_run()),
                         [](const auto& network) { return network.param; });

}  // namespace
}  // namespace margay::exporting
