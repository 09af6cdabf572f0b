// How fast networks train and predict on the CPU, alone: one batch that is already there.
//
//   models [NAMES [BATCH [PX [STEPS]]]]
//       NAMES: as "resnet18,resnet34"; rows in bf16 and fp32 for each. images/s of training steps (forward, loss,
//       backward, optimizer) and of inference: with batch norms, and as Predictor does it, with them folded into
//       convolutions and weights stored in the precision. With freed memory given back and with keep_cpu_memory(). Then
//       milliseconds of a fresh process from its start to its end, with the prediction for one image, and those of each
//       further prediction.
//   models shares [NAMES [BATCH [PX [STEPS]]]]
//       NAMES: "all" for every network. bf16, channels-last: multiply-adds per second of training (three times those of
//       a prediction) and inference, as a share of what a product of large matrices reaches in the same run, and that
//       as a share of ResNet-50's. Networks made for other sizes take the nearest that they can.
//   models first BUNDLE IMAGE PRECISION TIMES
//       what the fresh process does
//
// One table is the way from files to predictions (Predictor::predict on JPEGs of 500x375) beside the network alone.
// Every other number is the best of its steps: other programs only ever make a step slower.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/data/image/write_image.h"
#include "margay/margay.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/precision.h"
#include "margay/train/optim/optimizer.h"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Setting {
  std::vector<std::string> networks{"resnet18", "resnet34", "resnet50"};
  std::int64_t batch = 64;
  std::int64_t px = 224;
  int steps = 4;
};

double seconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Of `steps` calls after one that fills caches.
double best_seconds(int steps, const std::function<void()>& work) {
  work();
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < steps; ++i) best = std::min(best, seconds_of(work));
  return best;
}

torch::Tensor logits_of(margay::Classifier& classifier, const torch::Tensor& images, margay::Precision precision) {
  const margay::Autocast autocast(torch::kCPU, precision);
  return classifier.forward(images).to(torch::kFloat);
}

/// images/s of one network.
struct Speed {
  double training;
  double inference;
  double folded;
};

Speed measure(const std::string& name, margay::Precision precision, const Setting& setting) {
  const auto classifier = margay::make_classifier({.architecture = name, .num_classes = 1000, .image_px = setting.px});
  const torch::Tensor images =
      torch::randn({setting.batch, 3, setting.px, setting.px}).contiguous(at::MemoryFormat::ChannelsLast);
  const torch::Tensor targets = torch::randint(1000, {setting.batch}, torch::kLong);
  const auto adam = margay::train::make_optimizer(classifier->parameter_groups());
  const auto images_per_s = [&](const std::function<void()>& work) {
    return static_cast<double>(setting.batch) / best_seconds(setting.steps, work);
  };
  Speed speed{};
  speed.training = images_per_s([&] {
    margay::cross_entropy(logits_of(*classifier, images, precision), targets).backward();
    adam->step({std::vector<double>(3, 1e-9), 0.9});
    adam->zero_grad();
  });
  classifier->eval();
  const torch::NoGradGuard no_grad;
  speed.inference = images_per_s([&] { logits_of(*classifier, images, precision); });
  margay::model::fold_batch_norms(*classifier);
  margay::model::store_weights_in(*classifier, precision);
  speed.folded = images_per_s([&] { logits_of(*classifier, images, precision); });
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

/// Multiply-adds per second of bf16 matrices of 2,048 rows and columns.
double peak_macs_per_s() {
  constexpr std::int64_t kSide = 2048;
  const torch::Tensor a = torch::randn({kSide, kSide}).to(torch::kBFloat16);
  const torch::NoGradGuard no_grad;
  return std::pow(static_cast<double>(kSide), 3) / best_seconds(8, [&] { torch::mm(a, a); });
}

/// A multiple of the patch of a network that has one.
std::int64_t side_for(const std::string& name, std::int64_t px) {
  return name.find("patch14") == std::string::npos ? px : px / 14 * 14;
}

/// Shares of the peak.
struct Shares {
  double training;
  double inference;
};

Shares shares_of(const std::string& name, const Setting& setting, double peak) {
  Setting fitting = setting;
  fitting.px = side_for(name, setting.px);
  const auto classifier = margay::make_classifier({.architecture = name, .num_classes = 1000, .image_px = fitting.px});
  const auto macs =
      static_cast<double>(margay::summarise(*classifier, {.batch_size = 1, .image_px = fitting.px}).macs_per_image());
  const Speed speed = measure(name, margay::Precision::kBf16, fitting);
  const Shares shares{3 * macs * speed.training / peak, macs * speed.folded / peak};
  fmt::print("| {} | {:.3f} | {:.1f} | {:.0f} | {:.0f} % | {:.0f} % |", name, macs / 1e9, speed.training, speed.folded,
             100 * shares.training, 100 * shares.inference);
  return shares;
}

void print_shares(const Setting& setting) {
  const double peak = peak_macs_per_s();
  fmt::print("batch {}x3x{}x{}, bf16, {} threads; {:.0f} GMAC/s by products of matrices\n\n", setting.batch, setting.px,
             setting.px, margay::available_cpus(), peak / 1e9);
  fmt::print(
      "| network | GMACs | training, images/s | inference | share of the peak | | of ResNet-50's | |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  const Shares usual = shares_of("resnet50", setting, peak);
  fmt::print(" 1 | 1 |\n");
  for (const std::string& name : setting.networks) {
    if (name == "resnet50") continue;
    const Shares shares = shares_of(name, setting, peak);
    fmt::print(" {:.2f} | {:.2f} |\n", shares.training / usual.training, shares.inference / usual.inference);
    std::fflush(stdout);
  }
}

std::vector<std::string> every_network() {
  std::vector<std::string> names;
  for (const margay::Architecture& each : margay::architectures()) {
    if (each.input_px >= 64) names.push_back(each.name);
  }
  return names;
}

std::vector<std::string> parts_of(const std::string& names) {
  std::vector<std::string> parts{""};
  for (const char each : names) {
    if (each == ',') {
      parts.emplace_back();
    } else {
      parts.back() += each;
    }
  }
  return parts;
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
  const bool prints_shares = !arguments.empty() && arguments[0] == "shares";
  if (prints_shares) arguments.erase(arguments.begin());
  if (!arguments.empty()) setting.networks = arguments[0] == "all" ? every_network() : parts_of(arguments[0]);
  if (arguments.size() > 1) setting.batch = std::stoll(arguments[1]);
  if (arguments.size() > 2) setting.px = std::stoll(arguments[2]);
  if (arguments.size() > 3) setting.steps = std::stoi(arguments[3]);
  if (prints_shares) {
    margay::keep_cpu_memory();
    print_shares(setting);
    return 0;
  }
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
