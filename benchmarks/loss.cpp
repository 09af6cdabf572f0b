// Cross-entropy forward and backward: ours, LibTorch's, and what copying the logits would cost, in one run.
//
//   loss [THREADS [without-linear]]
//
// GB/s counts one read and one write of the logits. Each time is the best of several, taken in turn.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/nn/functional/loss.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "benchmarks/timing.h"
#include "margay/core/threads.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/kernels/softmax_rows.h"
#include "margay/loss/linear_cross_entropy.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/cpu_threads.h"

namespace {

using benchmarks::seconds_of;

namespace loss = margay::loss;

/// The best time of one of several things that are timed in turn.
struct Timed {
  double best_s = std::numeric_limits<double>::infinity();
  void add(int calls, const auto& work) {
    best_s = std::min(best_s, seconds_of([&] {
                                for (int i = 0; i < calls; ++i) work();
                              }) / calls);
  }
  double ms() const { return best_s * 1e3; }
};

/// What LibTorch's threads move at most: each its share, by memcpy.
void copy_bytes(const torch::Tensor& from, const torch::Tensor& to) {
  const auto bytes = static_cast<std::int64_t>(from.nbytes());
  const auto* source = static_cast<const char*>(from.data_ptr());
  auto* target = static_cast<char*>(to.data_ptr());
  at::parallel_for(0, bytes, std::int64_t{1} << 17, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(target + begin, source + begin, static_cast<std::size_t>(end - begin));
  });
}

void measure(std::int64_t n, std::int64_t k, torch::ScalarType type) {
  const torch::Tensor logits = torch::randn({n, k}).mul_(3).to(type);
  const torch::Tensor targets = torch::randint(k, {n}, torch::kLong);
  const torch::Tensor leaf = logits.detach().requires_grad_();
  const torch::Tensor gradient = torch::zeros_like(logits);
  std::vector<double> losses(static_cast<std::size_t>(n));
  Timed libtorch;
  Timed ours;
  Timed raw;
  Timed copied;
  const int calls = std::max(1, static_cast<int>(2'000'000 / logits.numel()));
  for (int repeat = 0; repeat < 9; ++repeat) {
    const auto backward = [&](const torch::Tensor& value) {
      value.backward();
      leaf.mutable_grad() = torch::Tensor();
    };
    libtorch.add(calls, [&] { backward(torch::nn::functional::cross_entropy(leaf, targets)); });
    ours.add(calls, [&] { backward(loss::cross_entropy(leaf, targets)); });
    raw.add(calls, [&] {
      loss::kernels::run({.logits = logits,
                          .targets = targets,
                          .gradient = gradient,
                          .losses = losses.data(),
                          .scale = 1.0 / static_cast<double>(n)},
                         loss::CrossEntropyOptions{});
    });
    copied.add(calls, [&] { copy_bytes(logits, gradient); });
  }
  const double gb = 2e-9 * static_cast<double>(logits.nbytes());
  fmt::print("{:>14} {:>5}  {:>9.3f} {:>9.3f} {:>6.1f} {:>9.3f} {:>6.1f}  {:>6.1f} {:>6.1f} {:>5.0f} %\n",
             fmt::format("({},{})", n, k), type == torch::kFloat ? "fp32" : "bf16", libtorch.ms(), ours.ms(),
             libtorch.best_s / ours.best_s, raw.ms(), libtorch.best_s / raw.best_s, gb / raw.best_s, gb / copied.best_s,
             100 * copied.best_s / raw.best_s);
  std::fflush(stdout);
}

/// Runs `work` and returns the most memory that it held beyond what was there before, in MB.
double peak_mb_of(const auto& work) {
  const std::size_t before = margay::model::cpu_memory_stats().in_use_bytes;
  margay::model::reset_cpu_memory_peak();
  work();
  return static_cast<double>(margay::model::cpu_memory_stats().peak_in_use_bytes - before) * 1e-6;
}

void measure_linear(std::int64_t n, std::int64_t d, std::int64_t k, int chunk_mb) {
  const torch::Tensor features = torch::randn({n, d}).requires_grad_();
  const torch::Tensor weight = (torch::randn({k, d}) * 0.05).requires_grad_();
  const torch::Tensor bias = torch::zeros({k}).requires_grad_();
  const torch::Tensor targets = torch::randint(k, {n}, torch::kLong);
  const auto clear = [&] {
    for (const torch::Tensor& each : {features, weight, bias}) each.mutable_grad() = torch::Tensor();
  };
  const double results_mb = 4e-6 * static_cast<double>(features.numel() + weight.numel() + bias.numel());
  const double logits_mb = 4e-6 * static_cast<double>(n * k);
  Timed whole;
  Timed chunked;
  double whole_mb = 0;
  double chunked_mb = 0;
  for (int repeat = 0; repeat < 2; ++repeat) {
    whole_mb = peak_mb_of(
        [&] { whole.add(1, [&] { loss::cross_entropy(torch::linear(features, weight, bias), targets).backward(); }); });
    clear();
    chunked_mb = peak_mb_of([&] {
      chunked.add(
          1, [&] { loss::linear_cross_entropy(features, weight, bias, targets, {.chunk_mb = chunk_mb}).backward(); });
    });
    clear();
  }
  fmt::print(
      "\nlinear_cross_entropy, N={} D={} K={}, chunks of {} MiB: {:.2f} s; matmul, then the fused loss: {:.2f} s; "
      "ratio {:.2f}\n",
      n, d, k, chunk_mb, chunked.best_s, whole.best_s, whole.best_s / chunked.best_s);
  fmt::print(
      "peak memory beyond the gradients ({:.0f} MB): {:.0f} MB = {:.1f} % of the logits ({:.0f} MB); matmul: {:.0f} "
      "MB\n",
      results_mb, chunked_mb - results_mb, 100 * (chunked_mb - results_mb) / logits_mb, logits_mb,
      whole_mb - results_mb);
}

}  // namespace

int main(int argc, char** argv) {
  margay::model::keep_cpu_memory();
  const int threads = argc > 1 ? std::stoi(argv[1]) : static_cast<int>(margay::core::available_cpus());
  margay::model::use_cpu_threads(threads);
  fmt::print("{} threads; milliseconds; raw: kernel alone, the gradient's memory given\n", threads);
  fmt::print("{:>14} {:>5}  {:>9} {:>9} {:>6} {:>9} {:>6}  {:>6} {:>6} {:>7}\n", "shape", "", "LibTorch", "autograd",
             "ratio", "raw", "ratio", "GB/s", "copy", "of copy");
  for (const torch::ScalarType type : {torch::kFloat, torch::kBFloat16}) {
    for (const auto& [n, k] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {64, 37}, {64, 1000}, {4096, 1000}, {1024, 32000}, {256, 128256}}) {
      measure(n, k, type);
    }
  }
  if (argc > 2) return 0;
  for (const int chunk_mb : {loss::LinearCrossEntropyOptions{}.chunk_mb, 200, 400})
    measure_linear(4096, 512, 100000, chunk_mb);
}
