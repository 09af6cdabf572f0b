// What would a training with more processes and faster networks do? The parts of a step are measured here on one
// process: forward and backward (the sums of gradients hide behind backward) and the rest; the network is reckoned.
// Prints images/s, the efficiency against so many processes that need not talk, and what is not hidden, for 8, 64 and
// 512 processes with 10, 100 and 400 Gbit/s each, for both kinds of reduction.
//
//   scaling [ARCH [BATCH_PER_PROCESS [THREADS [LATENCY_US [MICRO_BATCHES_PER_PROCESS]]]]]
//   scaling --of IMAGES_PER_S BACKWARD_SHARE ARCH BATCH_PER_PROCESS …    with a rate that was measured elsewhere, on a
//   GPU scaling --network LATENCY_S BYTES_PER_S PROCESSES …                  one network, as margay distributed check
//   found it
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/nn/functional/loss.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "benchmarks/timing.h"
#include "margay/collective/link_speed.h"
#include "margay/margay.h"
#include "margay/train/optim/optimizer.h"

namespace {

using benchmarks::median;
using benchmarks::seconds_of;

using margay::collective::ring_seconds;

/// One step of one process.
struct Step {
  std::int64_t images = 0;
  double forward_s = 0;
  double backward_s = 0;
  double rest_s = 0;  ///< the optimizer
  std::int64_t gradient_bytes = 0;

  double seconds() const { return forward_s + backward_s + rest_s; }
};

struct Network {
  double latency_s = 0;
  double bytes_per_s = 0;
};

std::shared_ptr<margay::model::Classifier> make_network(const std::string& arch) {
  return margay::model::make_classifier({.architecture = arch, .num_classes = 1000});
}

std::int64_t gradient_bytes(const margay::model::Classifier& network) {
  std::int64_t bytes = 0;
  for (const torch::Tensor& each : network.parameters()) bytes += each.numel() * 4;
  return bytes;
}

/// The median of each part of seven steps, after two.
Step measure_step(const std::string& arch, std::int64_t images) {
  const auto network = make_network(arch);
  const auto adam = margay::train::make_optimizer(network->parameter_groups());
  network->train();
  const torch::Tensor batch = torch::randn({images, 3, 224, 224}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor targets = torch::randint(1000, {images}, torch::kLong);
  const std::vector<double> lrs(network->parameter_groups().size(), 1e-9);
  std::vector<double> forward;
  std::vector<double> backward;
  std::vector<double> rest;
  for (int i = 0; i < 9; ++i) {
    torch::Tensor loss;
    const double forward_s =
        seconds_of([&] { loss = torch::nn::functional::cross_entropy(network->forward(batch), targets); });
    const double backward_s = seconds_of([&] { loss.backward(); });
    const double rest_s = seconds_of([&] {
      adam->step({lrs, 0.9});
      adam->zero_grad();
    });
    if (i < 2) continue;  // the first steps fill caches
    forward.push_back(forward_s);
    backward.push_back(backward_s);
    rest.push_back(rest_s);
  }
  return {.images = images,
          .forward_s = median(forward),
          .backward_s = median(backward),
          .rest_s = median(rest),
          .gradient_bytes = gradient_bytes(*network)};
}

/// Of the ring, nearly all hides behind backward: gradients are summed in buckets as they come, and the last bucket,
/// a twentieth of all, comes when backward ends.
double fast_not_hidden(const Step& step, const Network& network, int processes) {
  const double all = ring_seconds(step.gradient_bytes, processes, network.latency_s, network.bytes_per_s);
  const double last = ring_seconds(step.gradient_bytes / 20, processes, network.latency_s, network.bytes_per_s);
  return std::max(last, all - step.backward_s);
}

/// Each process sends the gradients of its micro-batches to those that sum their part of them, in one order, and gets
/// the sums of all: (m + 1)(n - 1)/n of the gradient into each and out of it. The sums of the last micro-batch begin
/// when its backward ends.
double exact_not_hidden(const Step& step, const Network& network, int processes, int micro_batches) {
  if (processes == 1) return 0;
  const double share = static_cast<double>(processes - 1) / processes;
  const double gradient_s = static_cast<double>(step.gradient_bytes) * share / network.bytes_per_s;
  const double messages_s = 2 * (processes - 1) * network.latency_s;
  const double hidden = step.seconds() * (micro_batches - 1) / micro_batches;
  return std::max(2 * gradient_s, (micro_batches + 1) * gradient_s - hidden) + messages_s;
}

/// The decisions of the loop that all must agree on: a tree of messages each.
double decisions_s(const Network& network, int processes) {
  constexpr int kDecisions = 2;  // whether the fit is over; losses, with what any process wants
  int rounds = 0;
  while ((1 << rounds) < processes) ++rounds;
  return kDecisions * 2 * rounds * network.latency_s;
}

void print_line(const char* reduction, const Step& step, const Network& network, int processes, double not_hidden) {
  const double decisions = decisions_s(network, processes);
  const double seconds = step.seconds() + not_hidden + decisions;
  fmt::print("{:>9}  {:>9.0f}  {:<6}  {:>12.1f}  {:>8.1f}%  {:>13.2f}  {:>12.2f}\n", processes,
             network.bytes_per_s * 8 / 1e9, reduction, static_cast<double>(step.images) * processes / seconds,
             100 * step.seconds() / seconds, not_hidden * 1e3, decisions * 1e3);
}

void print_network(const Step& step, const Network& network, int processes, int micro_batches) {
  print_line("fast", step, network, processes, fast_not_hidden(step, network, processes));
  print_line("exact", step, network, processes, exact_not_hidden(step, network, processes, micro_batches));
}

void print_head(const std::string& arch, const Step& step) {
  fmt::print(
      "{}: {} images a step of one process, {:.1f} images/s; forward {:.1f} ms, backward {:.1f} ms, the rest {:.1f} "
      "ms; {:.1f} MB of gradients\n\n",
      arch, step.images, static_cast<double>(step.images) / step.seconds(), step.forward_s * 1e3, step.backward_s * 1e3,
      step.rest_s * 1e3, static_cast<double>(step.gradient_bytes) / 1e6);
  fmt::print("processes   Gbit/s  reduce      images/s  efficiency  not hidden ms  decisions ms\n");
}

struct Arguments {
  std::vector<std::string> rest;

  std::string text(std::size_t i, const std::string& otherwise) const { return i < rest.size() ? rest[i] : otherwise; }
  double number(std::size_t i, double otherwise) const { return i < rest.size() ? std::stod(rest[i]) : otherwise; }
};

Step given_step(const std::string& arch, std::int64_t images, double images_per_s, double backward_share) {
  const double seconds = static_cast<double>(images) / images_per_s;
  return {.images = images,
          .forward_s = seconds * (1 - backward_share),
          .backward_s = seconds * backward_share,
          .rest_s = 0,
          .gradient_bytes = gradient_bytes(*make_network(arch))};
}

int run(Arguments given) {
  double images_per_s = 0;
  double backward_share = 0;
  Network network;
  int processes = 0;
  const auto take = [&](std::size_t count) {
    given.rest.erase(given.rest.begin(), given.rest.begin() + static_cast<std::ptrdiff_t>(count));
  };
  if (given.text(0, "") == "--of") {
    images_per_s = given.number(1, 0);
    backward_share = given.number(2, 2. / 3);
    take(3);
  }
  if (given.text(0, "") == "--network") {
    network = {given.number(1, 0), given.number(2, 0)};
    processes = static_cast<int>(given.number(3, 2));
    take(4);
  }
  const std::string arch = given.text(0, "resnet50");
  const auto images = static_cast<std::int64_t>(given.number(1, 32));
  margay::model::use_cpu_threads(static_cast<int>(given.number(2, 1)));
  const double latency_s = given.number(3, 20) / 1e6;
  const auto micro_batches = static_cast<int>(given.number(4, 1));
  const Step step =
      images_per_s > 0 ? given_step(arch, images, images_per_s, backward_share) : measure_step(arch, images);
  print_head(arch, step);
  if (processes > 0) {
    print_network(step, network, processes, micro_batches);
    return EXIT_SUCCESS;
  }
  for (const double gbit : {10., 100., 400.}) {
    for (const int count : {8, 64, 512}) print_network(step, {latency_s, gbit * 1e9 / 8}, count, micro_batches);
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) { return run({{argv + 1, argv + argc}}); }
