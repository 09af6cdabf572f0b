#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

#include "margay/export/export_bundle.h"
#include "margay/export/onnx_names.h"
#include "margay/export/runtime.h"
#include "margay/model/architecture/architectures.h"
#include "margay/predict/inference.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"

namespace margay::exporting {
namespace {

using testing_support::scaled;

constexpr double kDifferenceBound = 1e-4;

/// Another runner than those that were built: the command in MARGAY_ONNX_RUNNER, as ./test --all sets it.
std::vector<Runner> runners_for_networks() {
  std::vector<Runner> runners = installed_runners();
  if (const char* const command = std::getenv("MARGAY_ONNX_RUNNER")) {
    runners.push_back({.name = command, .command = command});
  }
  return runners;
}

/// Small ones in short; all with MARGAY_ONNX_RUNNER and in the nightly tests.
std::vector<std::string> networks_to_run() {
  if (scaled(0, 1) == 0 && std::getenv("MARGAY_ONNX_RUNNER") == nullptr) {
    return {"linear",
            "simple_net",
            "resnet20",
            "resnet18",
            "resnet18d",
            "densenet121",
            "squeezenet1_0",
            "squeezenet1_1",
            "mobilenet_v2",
            "mobilenet_v3_small",
            "mobilenet_v3_large",
            "efficientnet_b0",
            "mobilenetv4_conv_small",
            "repvit_m0_9",
            "regnet_y_400mf"};
  }
  std::vector<std::string> names;
  for (const model::Architecture& each : model::architectures()) names.push_back(each.name);
  return names;
}

/// What OpenCV's dnn does not load or computes otherwise, by version: the table of docs/guide/export.md. Of another
/// version nothing is expected, and what it does not load is passed over.
const std::map<std::string, std::set<std::string>>& families_beyond_opencv() {
  static const std::map<std::string, std::set<std::string>> table = {
      {"4.6", {"MobileNetV2", "ConvNeXt", "ConvNeXt V2", "ViT", "DINOv2", "DINOv2 with registers", "Swin"}},
      {"4.10", {"Swin"}}};
  return table;
}

/// The published side in the nightly tests; otherwise the smallest that all sides of a network's windows divide.
int side_of(const model::Architecture& network) {
  if (scaled(0, 1) != 0 || network.input_px < 64) return network.input_px;
  if (network.family.starts_with("DINOv2")) return 70;
  return network.family == "Swin" ? 96 : 64;
}

/// Both heads, one label and several: what is different behind the backbone.
struct EndOfNetwork {
  model::HeadKind head;
  data::Task task;
};
constexpr EndOfNetwork kEnds[] = {{model::HeadKind::kLinear, data::Task::kSingleLabel},
                                  {model::HeadKind::kFastai, data::Task::kMultiLabel}};

/// Statistics as a training leaves them. Without, the signal of some deep networks dies away, and then nothing that a
/// runtime computes wrongly in the middle would be seen at the end.
void fit_batch_norms(model::Classifier& classifier, int side) {
  const torch::NoGradGuard no_grad;
  for (const auto& module : classifier.modules()) {
    if (auto* const norm = dynamic_cast<torch::nn::BatchNorm2dImpl*>(module.get())) norm->options.momentum(1);
    if (auto* const norm = dynamic_cast<torch::nn::BatchNorm1dImpl*>(module.get())) norm->options.momentum(1);
  }
  classifier.train();
  classifier.forward(torch::randn({4, 3, side, side}));
  classifier.eval();
}

/// With random weights.
bundle::Bundle random_network(const model::Architecture& network, const EndOfNetwork& end) {
  torch::manual_seed(22);
  const int side = side_of(network);
  bundle::Bundle bundle;
  bundle.classifier = model::make_classifier(
      {.architecture = network.name, .num_classes = 5, .image_px = side, .head = {.kind = end.head}});
  fit_batch_norms(*bundle.classifier, side);
  bundle.vocabulary = data::Vocabulary({"a", "b", "c", "d", "e"});
  bundle.task = end.task;
  bundle.transforms.augment.size = side;
  bundle.transforms.resize.size = side;
  return bundle;
}

/// How far a runtime is from Margay.
struct Differences {
  double logits = 0;  ///< the largest, as a share of the range of all logits
  double probabilities = 0;
};

double largest_difference(const torch::Tensor& expected, const std::vector<float>& values) {
  const torch::Tensor row = expected.contiguous();
  if (static_cast<std::int64_t>(values.size()) != row.numel()) return 1e30;
  double largest = 0;
  for (std::size_t c = 0; c < values.size(); ++c) {
    const double difference = std::abs(static_cast<double>(values[c]) - row.data_ptr<float>()[c]);
    largest = std::isfinite(difference) ? std::max(largest, difference) : 1e30;
  }
  return largest;
}

/// Both compute the same tensors. Throws RuntimeFailure.
Differences differences_of(const bundle::Bundle& bundle, Runtime& runtime, int images) {
  const torch::NoGradGuard no_grad;
  const std::int64_t side = bundle.transforms.augment.size;
  Differences found;
  torch::Tensor all;
  for (int i = 0; i < images; ++i) {
    const torch::Tensor image = torch::randn({1, 3, side, side});
    const predict::Predictions expected =
        predict::predict_batch(*bundle.classifier, image, {.activation = predict::activation_of(bundle.task)});
    const std::span<const float> input(image.data_ptr<float>(), static_cast<std::size_t>(image.numel()));
    const RuntimeOutputs outputs = runtime.run({float_tensor(kTensorInput, {1, 3, side, side}, input)});
    const std::vector<float> logits = outputs.at(kLogitsOutput).floats();
    found.logits = std::max(found.logits, largest_difference(expected.logits, logits));
    found.probabilities = std::max(
        found.probabilities, largest_difference(expected.probabilities, outputs.at(kProbabilitiesOutput).floats()));
    all = all.defined() ? torch::cat({all, expected.logits}) : expected.logits;
  }
  const double range = (all.max() - all.min()).item<double>();
  const double between_images = (all.amax(0) - all.amin(0)).max().item<double>();
  EXPECT_GT(between_images, 10 * kDifferenceBound * range) << "the image hardly changes what the network says";
  found.logits /= range;
  return found;
}

/// One line more in the file that MARGAY_ONNX_TABLE names, for the guide's table.
void note_in_table(const std::string& network, const EndOfNetwork& end, const std::string& runtime, int images,
                   const Differences& found) {
  const char* const file = std::getenv("MARGAY_ONNX_TABLE");
  if (file == nullptr) return;
  std::ofstream(file, std::ios::app) << fmt::format("{}\t{}\t{}\t{}\t{:.1e}\t{:.1e}\n", network,
                                                    end.head == model::HeadKind::kLinear ? "linear" : "fastai", runtime,
                                                    images, found.logits, found.probabilities);
}

/// What became of a file in a runtime.
struct Outcome {
  std::string runtime;  ///< "opencv 4.6.0"; without the number where it did not load the file
  Differences found;
  std::string problem;  ///< "" where it computed something

  bool is_same() const {
    return problem.empty() && found.logits <= kDifferenceBound && found.probabilities <= kDifferenceBound;
  }
  std::string text() const {
    return problem.empty() ? fmt::format("{}: {:.1e} of the logits' range, probabilities {:.1e}", runtime, found.logits,
                                         found.probabilities)
                           : problem;
  }
};

class NetworksInRuntimes : public testing::TestWithParam<std::string> {
 protected:
  Outcome outcome_of(const model::Architecture& network, const EndOfNetwork& end, const Runner& runner) const {
    const bundle::Bundle bundle = random_network(network, end);
    const std::filesystem::path file = folder_ / "m.onnx";
    write_onnx(file, onnx_of(bundle, {.input = OnnxInput::kTensor}));
    Outcome outcome{.runtime = runner.name};
    try {
      const std::unique_ptr<Runtime> runtime = start_runner(runner, file);
      outcome.runtime = fmt::format("{} {}", runtime->name(), runtime->version());
      const int images = runner.name == "opencv" ? 2 : scaled(2, 64);
      outcome.found = differences_of(bundle, *runtime, images);
      note_in_table(network.name, end, outcome.runtime, images, outcome.found);
    } catch (const RuntimeFailure& failure) {
      outcome.problem = failure.what();
    }
    return outcome;
  }

  /// Holds OpenCV to the table, whichever way it errs.
  static void expect_as_in_table(const model::Architecture& network, const Outcome& outcome) {
    static const std::regex number(R"(OpenCV\((\d+\.\d+)\.|opencv (\d+\.\d+)\.)");
    std::smatch found;
    const std::string text = outcome.runtime + " " + outcome.problem;
    const std::string version = std::regex_search(text, found, number) ? found[1].str() + found[2].str() : "";
    const auto beyond = families_beyond_opencv().find(version);
    if (beyond == families_beyond_opencv().end()) return;
    EXPECT_NE(outcome.is_same(), beyond->second.contains(network.family)) << outcome.text();
  }

 private:
  testing_support::TemporaryFolder folder_;
};

TEST_P(NetworksInRuntimes, SayWhatMargaySays) {
  const model::Architecture& network = model::find_architecture(GetParam());
  const std::vector<Runner> runners = runners_for_networks();
  if (runners.empty()) {
    GTEST_SKIP() << "no runtime: install libopencv-dnn-dev and build again, or set MARGAY_ONNX_RUNNER";
  }
  for (const Runner& runner : runners) {
    for (const EndOfNetwork& end : kEnds) {
      const Outcome outcome = outcome_of(network, end, runner);
      if (runner.name == "opencv") {
        expect_as_in_table(network, outcome);
      } else {
        EXPECT_TRUE(outcome.is_same()) << outcome.text();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AtHand, NetworksInRuntimes, testing::ValuesIn(networks_to_run()),
                         [](const auto& network) { return network.param; });

}  // namespace
}  // namespace margay::exporting
