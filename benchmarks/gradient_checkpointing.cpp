// What gradient checkpointing saves and costs on the CPU: peak bytes of the tensors of one training step and the
// seconds of a step (forward, loss, backward), without and with it.
//
//   gradient_checkpointing [ARCH [BATCH [PX [STEPS]]]]
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/margay.h"
#include "margay/train/batch_size/find_batch_size.h"

namespace {

double step_seconds(margay::Classifier& classifier, const torch::Tensor& images) {
  const auto begin = std::chrono::steady_clock::now();
  classifier.forward(images).square().mean().backward();
  classifier.zero_grad();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Of `steps` steps after one that fills caches.
double median_seconds(margay::Classifier& classifier, const torch::Tensor& images, int steps) {
  step_seconds(classifier, images);
  std::vector<double> times;
  for (int i = 0; i < steps; ++i) times.push_back(step_seconds(classifier, images));
  std::nth_element(times.begin(), times.begin() + steps / 2, times.end());
  return times[static_cast<std::size_t>(steps / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  const std::string architecture = argc > 1 ? argv[1] : "resnet18";
  const std::int64_t batch_size = argc > 2 ? std::stoll(argv[2]) : 32;
  const std::int64_t px = argc > 3 ? std::stoll(argv[3]) : 224;
  const int steps = argc > 4 ? std::stoi(argv[4]) : 5;
  margay::keep_cpu_memory();
  const auto classifier = margay::make_classifier({.architecture = architecture, .num_classes = 37});
  const torch::Tensor images = torch::randn({batch_size, 3, px, px}).contiguous(at::MemoryFormat::ChannelsLast);
  for (const auto mode : {margay::GradientCheckpointing::kOff, margay::GradientCheckpointing::kOn}) {
    classifier->set_gradient_checkpointing(mode);
    const std::uint64_t bytes = margay::train::step_memory_bytes(
        *classifier, {.image_px = px, .precision = margay::Precision::kFp32}, batch_size);
    fmt::print("{} {}x3x{}x{} checkpointing {}: {:.0f} MB, {:.2f} s a step\n", architecture, batch_size, px, px,
               margay::to_text(mode), static_cast<double>(bytes) / 1e6, median_seconds(*classifier, images, steps));
  }
}
