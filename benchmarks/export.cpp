// What exporting a model takes: seconds, and resident memory as a multiple of the weights.
//
//   export [ARCH [ROUNDS]]
//   export bundles FOLDER      every network with random weights as FOLDER/NAME.margay, for `margay export --verify`
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include "benchmarks/timing.h"
#include "margay/margay.h"

namespace {

using benchmarks::seconds_of;

namespace fs = std::filesystem;

/// A line of /proc/self/status in MB, such as VmHWM, the peak.
double status_mb(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1e3 * 1.024;
  }
  return 0;
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

double weights_mb(const margay::Bundle& bundle) {
  double bytes = 0;
  for (const auto& [name, tensor] : bundle.classifier->state()) bytes += static_cast<double>(tensor.nbytes());
  return bytes / 1e6;
}

void make_bundle(const fs::path& path, const std::string& architecture) {
  margay::Bundle bundle;
  bundle.classifier = margay::make_classifier(
      {.architecture = architecture, .num_classes = 1000, .head = {.kind = margay::HeadKind::kPublished}});
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back(fmt::format("class {}", i));
  bundle.vocabulary = margay::Vocabulary(names);
  margay::save_bundle(path, bundle);
}

/// With its published head where there is one, else a linear one.
void make_bundles(const fs::path& folder) {
  for (const margay::Architecture& architecture : margay::architectures()) {
    margay::Bundle bundle;
    const auto head = architecture.classes > 0 ? margay::HeadKind::kPublished : margay::HeadKind::kLinear;
    bundle.classifier =
        margay::make_classifier({.architecture = architecture.name, .num_classes = 10, .head = {.kind = head}});
    bundle.vocabulary = margay::Vocabulary({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
    bundle.transforms.augment.size = architecture.input_px;
    bundle.transforms.resize.size = architecture.input_px;
    margay::save_bundle(folder / (architecture.name + ".margay"), bundle);
    fmt::print("{}\n", architecture.name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "bundles") {
    make_bundles(argv[2]);
    return 0;
  }
  const std::string architecture = argc > 1 ? argv[1] : "resnet50";
  const int rounds = argc > 2 ? std::stoi(argv[2]) : 3;
  const fs::path folder = fs::temp_directory_path() / fmt::format("margay-export-{}", ::getpid());
  fs::create_directory(folder);
  make_bundle(folder / "m.margay", architecture);
  for (int i = 0; i < rounds; ++i) {
    forget_peak();
    const double before = status_mb("VmRSS");
    margay::Bundle bundle;
    margay::OnnxModel model;
    const double loading = seconds_of([&] { bundle = margay::load_bundle(folder / "m.margay"); });
    const double loaded_peak = status_mb("VmHWM") - before;
    forget_peak();
    const double graph = seconds_of([&] { model = margay::onnx_of(bundle); });
    const double writing = seconds_of([&] { margay::write_onnx(folder / "m.onnx", model); });
    const double peak = status_mb("VmHWM") - before;
    const double weights = weights_mb(bundle);
    fmt::print(
        "{}: {:.0f} MB of weights; loading {:.2f} s ({:.2f} times the weights), graph {:.3f} s, writing {:.2f} s "
        "({:.2f} times)\n",
        architecture, weights, loading, loaded_peak / weights, graph, writing, peak / weights);
  }
  fs::remove_all(folder);
}
