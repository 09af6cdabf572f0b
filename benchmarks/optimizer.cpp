// One step of each optimizer on the parameters of ResNet-50, what moving so many bytes costs in the same run, and
// LibTorch's Adam and AdamW.
//
//   optimizer [THREADS [ROUNDS]]
//
// The bound is a plain loop that reads four arrays of all parameters and writes three of them, as Adam must; rules that
// move more or fewer arrays are measured against their share of it. Each time is the best of several, taken in turn.
#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/threads.h"
#include "margay/model/classifier.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/cpu_threads.h"
#include "margay/train/optim/optimizer.h"

namespace {

namespace train = margay::train;
namespace model = margay::model;
using Kind = train::OptimizerKind;

/// The best time of one of several things that are timed in turn.
struct Timed {
  double best_s = std::numeric_limits<double>::infinity();
  void add(const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best_s = std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
};

/// Sixteen floats that the compiler keeps in vector registers at any level of optimisation.
using Floats = float __attribute__((vector_size(64)));

/// Four arrays read, three of them written: the memory traffic of Adam and next to no arithmetic.
class Bound {
 public:
  explicit Bound(std::int64_t n) : size_(n / 16) {
    for (auto& array : arrays_) array = torch::zeros({n});
  }

  void run() {
    at::parallel_for(0, size_, 1 << 11, [&](std::int64_t begin, std::int64_t end) {
      Floats* const p = floats(0);
      Floats* const a = floats(1);
      Floats* const v = floats(2);
      const Floats* const g = floats(3);
      for (std::int64_t i = begin; i < end; ++i) {
        const Floats gradient = g[i];
        a[i] = a[i] + gradient;
        v[i] = v[i] + gradient;
        p[i] = p[i] + gradient;
      }
    });
  }

 private:
  Floats* floats(std::size_t i) { return static_cast<Floats*>(arrays_[i].data_ptr()); }

  std::int64_t size_;
  std::array<torch::Tensor, 4> arrays_;
};

struct Rule {
  train::OptimizerOptions options;
  int arrays;  ///< read and written
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {{{.kind = Kind::kAdam}, 7},   {{.kind = Kind::kRadam}, 7},
                                        {{.kind = Kind::kQhadam}, 7}, {{.kind = Kind::kRmsprop}, 7},
                                        {{.kind = Kind::kSgd}, 5},    {{.kind = Kind::kLion}, 5},
                                        {{.kind = Kind::kLamb}, 10},  {{.kind = Kind::kLars}, 7},
                                        {{.kind = Kind::kRanger}, 7}, {{.kind = Kind::kMuon}, 5}};
  return all;
}

/// ResNet-50 with gradients.
std::shared_ptr<model::Classifier> network(torch::ScalarType type) {
  auto classifier = model::make_classifier({.architecture = "resnet50", .num_classes = 37});
  classifier->unfreeze();
  classifier->to(type);
  for (torch::Tensor& parameter : classifier->parameters()) {
    parameter.mutable_grad() = torch::randn_like(parameter).mul_(1e-2);
  }
  return classifier;
}

void print(const std::string& name, double ms, double bound_ms) {
  fmt::print("{:>24} {:>9.2f} {:>9.2f} {:>7.2f}\n", name, ms * 1e3, bound_ms * 1e3, ms / bound_ms);
  std::fflush(stdout);
}

/// arrays: read and written, as many floats each as there are parameters.
void measure(const std::string& name, double arrays, Bound& bound, int rounds, const auto& step) {
  Timed stepped;
  Timed moved;
  step();  // makes its memory
  for (int i = 0; i < rounds; ++i) {
    stepped.add(step);
    moved.add([&] { bound.run(); });
  }
  print(name, stepped.best_s, moved.best_s * arrays / 7);
}

void measure_rule(const Rule& rule, const std::string& suffix, double arrays, model::Classifier& classifier,
                  Bound& bound, int rounds) {
  const auto optimizer = train::make_optimizer(classifier.parameter_groups(), rule.options);
  const train::Hyper hyper{std::vector<double>(optimizer->num_groups(), 1e-6), 0.9};
  measure(margay::core::to_text(rule.options.kind) + suffix, arrays, bound, rounds, [&] { optimizer->step(hyper); });
}

}  // namespace

int main(int argc, char** argv) {
  margay::model::keep_cpu_memory();
  const int threads = argc > 1 ? std::stoi(argv[1]) : static_cast<int>(margay::core::available_cpus());
  const int rounds = argc > 2 ? std::stoi(argv[2]) : 30;
  margay::model::use_cpu_threads(threads);
  auto classifier = network(torch::kFloat);
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : classifier->parameters()) count += parameter.numel();
  fmt::print("{:.1f} million parameters in {} tensors, {} threads; milliseconds\n", static_cast<double>(count) * 1e-6,
             classifier->parameters().size(), threads);
  Bound bound(count);
  fmt::print("{:>24} {:>9} {:>9} {:>7}\n", "", "step", "bound", "ratio");
  for (const Rule& rule : rules()) measure_rule(rule, "", rule.arrays, *classifier, bound, rounds);
  {
    torch::optim::Adam adam(classifier->parameters(), torch::optim::AdamOptions(1e-6));
    measure("torch::optim::Adam", 7, bound, rounds, [&] { adam.step(); });
  }
  {
    torch::optim::AdamW adamw(classifier->parameters(), torch::optim::AdamWOptions(1e-6));
    measure("torch::optim::AdamW", 7, bound, rounds, [&] { adamw.step(); });
  }
  classifier =
      network(torch::kBFloat16);  // three float arrays read and written, the gradient and the parameter in half
  measure_rule(rules().front(), ", bfloat16", 6 + 1.5, *classifier, bound, rounds);
}
