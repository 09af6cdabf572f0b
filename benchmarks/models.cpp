// How fast networks train and predict on the CPU, alone: one batch that is already there.
//
//   models [NAMES [BATCH [PX [STEPS]]]]
//       NAMES: as "resnet18,resnet34"; rows in bf16 and fp32 for each. images/s of training steps (forward, loss,
//       backward, optimizer) and of inference: with batch norms, and as Predictor does it, with them folded into
//       convolutions and weights stored in the precision. With freed memory given back and with keep_cpu_memory(). Then
//       milliseconds of a fresh process from its start to its end, with the prediction for one image, and those of each
//       further prediction.
//   models first BUNDLE IMAGE PRECISION TIMES
//       what the fresh process does
//
// One table is the way from files to predictions (Predictor::predict on JPEGs of 500x375) beside the network alone.
// Every other number is the best of its steps: other programs only ever make a step slower.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "benchmarks/network_speed.h"
#include "margay/data/image/write_image.h"
#include "margay/margay.h"

namespace {

namespace fs = std::filesystem;
using network_speed::best_seconds;
using network_speed::logits_of;

struct Setting {
  std::vector<std::string> networks{"resnet18", "resnet34", "resnet50"};
  std::int64_t batch = 64;
  std::int64_t px = 224;
  int steps = 4;
};

/// images/s of one network.
struct Speed {
  double training;
  double inference;
  double folded;
};

Speed measure(const std::string& name, margay::Precision precision, const Setting& setting) {
  network_speed::NetworkTrial trial(name, precision, setting.batch, setting.px);
  const auto images_per_s = [&](const std::function<void()>& work) {
    return static_cast<double>(setting.batch) / best_seconds(setting.steps, work);
  };
  Speed speed{};
  speed.training = images_per_s([&] { trial.train(); });
  trial.classifier().eval();
  speed.inference = images_per_s([&] { trial.predict(); });
  trial.fold();
  speed.folded = images_per_s([&] { trial.predict(); });
  return speed;
}

margay::Bundle bundle_of(const std::string& name) {
  margay::Bundle bundle;
  bundle.classifier = margay::make_classifier({.architecture = name, .num_classes = 2});
  bundle.vocabulary = margay::Vocabulary({"cat", "dog"});
  return bundle;
}

/// 375x500 with edges and soft shades, of about the bytes of a photograph.
margay::Image waves(int index) {
  margay::Image image(375, 500);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const auto x = static_cast<double>(i / 3 % 500);
    const auto y = static_cast<double>(i / 3 / 500);
    const double shade = std::sin(0.05 * x + index) + std::sin(0.11 * y) + std::sin(0.9 * x + 1.3 * y) / 3;
    image.pixels[i] = static_cast<std::uint8_t>(128 + 50 * shade);
  }
  return image;
}

/// A bundle and images, as they lie on a disk.
class Files {
 public:
  explicit Files(const std::string& name, int images = 1)
      : folder_(fs::temp_directory_path() / fmt::format("models-{}", getpid())) {
    fs::create_directories(folder_);
    margay::save_bundle(bundle(), bundle_of(name));
    for (int i = 0; i < images; ++i) margay::data::write_jpeg(image(i), waves(i));
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() { fs::remove_all(folder_); }

  fs::path bundle() const { return folder_ / "model.margay"; }
  fs::path image(int index = 0) const { return folder_ / fmt::format("{}.jpg", index); }

 private:
  fs::path folder_;
};

/// Reads a bundle, predicts twice. Prints nothing: the parent looks at its clock.
void predict_files(const fs::path& bundle, const fs::path& image, margay::Precision precision, int times) {
  const margay::Predictor predictor(margay::load_bundle(bundle), {.precision = precision});
  for (int i = 0; i < times; ++i) predictor.predict({image});
}

/// Milliseconds of a process that predicts `times` times; the best of three.
double process_ms(const fs::path& program, const Files& files, margay::Precision precision, int times) {
  const std::string command = fmt::format("'{}' first '{}' '{}' {} {}", program.string(), files.bundle().string(),
                                          files.image().string(), margay::to_text(precision), times);
  return 1e3 * best_seconds(3, [&] {
           if (std::system(command.c_str()) != 0) throw std::runtime_error("it failed: " + command);
         });
}

void print_speeds(const Setting& setting) {
  for (const std::string& name : setting.networks) {
    for (const auto precision : {margay::Precision::kBf16, margay::Precision::kFp32}) {
      const Speed speed = measure(name, precision, setting);
      fmt::print("| {} | {} | {:.1f} | {:.0f} | {:.0f} |\n", name, margay::to_text(precision), speed.training,
                 speed.inference, speed.folded);
      std::fflush(stdout);
    }
  }
}

void print_first_predictions(const fs::path& program, const Setting& setting) {
  fmt::print(
      "\n| network | precision | fresh process, one prediction, ms | each further one |\n| --- | --- | --- | --- |\n");
  for (const std::string& name : setting.networks) {
    const Files files(name);
    for (const auto precision : {margay::Precision::kBf16, margay::Precision::kFp32}) {
      const double one = process_ms(program, files, precision, 1);
      const double eleven = process_ms(program, files, precision, 11);
      fmt::print("| {} | {} | {:.0f} | {:.0f} |\n", name, margay::to_text(precision), one, (eleven - one) / 10);
      std::fflush(stdout);
    }
  }
}

/// From files to predictions, beside the network alone on batches that are already there.
void print_many_predictions(const Setting& setting) {
  constexpr int kImages = 512;
  fmt::print("\n| network | precision | alone, images/s | predict() | ratio |\n| --- | --- | --- | --- | --- |\n");
  const torch::Tensor images = torch::randn({64, 3, 224, 224}).contiguous(at::MemoryFormat::ChannelsLast);
  for (const std::string& name : setting.networks) {
    const Files files(name, kImages);
    margay::PathList paths;
    for (int i = 0; i < kImages; ++i) paths.add(files.image(i).native());
    const margay::Predictor predictor(margay::load_bundle(files.bundle()), {.precision = margay::Precision::kBf16});
    const torch::NoGradGuard no_grad;
    const double alone = best_seconds(setting.steps, [&] {
      for (int i = 0; i < 2; ++i) logits_of(*predictor.bundle().classifier, images, margay::Precision::kBf16);
    });
    predictor.warm_up(64);
    const double all = best_seconds(1, [&] { predictor.predict(paths); });
    fmt::print("| {} | bf16 | {:.0f} | {:.0f} | {:.2f} |\n", name, 128 / alone, kImages / all,
               kImages / all * alone / 128);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 5 && arguments[0] == "first") {
    margay::keep_cpu_memory();
    const auto precision = arguments[3] == "bf16" ? margay::Precision::kBf16 : margay::Precision::kFp32;
    predict_files(arguments[1], arguments[2], precision, std::stoi(arguments[4]));
    return 0;
  }
  Setting setting;
  if (!arguments.empty()) setting.networks = benchmarks::split_at_commas(arguments[0]);
  if (arguments.size() > 1) setting.batch = std::stoll(arguments[1]);
  if (arguments.size() > 2) setting.px = std::stoll(arguments[2]);
  if (arguments.size() > 3) setting.steps = std::stoi(arguments[3]);
  for (const char* memory : {"given back", "kept"}) {
    if (std::string(memory) == "kept") margay::keep_cpu_memory();
    fmt::print("\nbatch {}x3x{}x{}, {} threads, freed memory {}: images/s\n", setting.batch, setting.px, setting.px,
               margay::available_cpus(), memory);
    fmt::print("| network | precision | training | inference | folded |\n| --- | --- | --- | --- | --- |\n");
    print_speeds(setting);
  }
  print_many_predictions(setting);
  print_first_predictions(fs::canonical("/proc/self/exe"), setting);
}
