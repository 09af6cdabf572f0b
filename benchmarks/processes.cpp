// What do several processes of this machine cost? The same batch by one process of all threads, and by as many
// processes as threads, with the ring and with sums in one order: images/s of whole steps, in turn, and the share of a
// step in which a process waits for the gradients of others.
//
//   processes [ARCH [BATCH [STEPS [THREADS [PRECISION [ROUNDS [PX]]]]]]]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include "margay/collective/process_group.h"
#include "margay/core/field_type.h"
#include "margay/margay.h"
#include "margay/predict/inference.h"
#include "margay/train/micro_batch/micro_batches.h"
#include "margay/train/optim/optimizer.h"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// What is measured.
struct Setting {
  std::string arch = "resnet18";
  std::int64_t batch = 32;  ///< of all processes
  int steps = 8;
  std::string precision = "fp32";
  std::int64_t px = 224;
};

/// One of the processes.
struct Member {
  int rank = 0;
  int world = 1;
  int port = 0;
  int threads = 1;
  std::string reduce = "fast";
};

/// The median step.
struct StepTimes {
  double seconds = 0;
  double waited_s = 0;
};

/// Whole steps of one process, after two that fill caches.
StepTimes measure(const Setting& setting, const Member& member) {
  margay::model::use_cpu_threads(member.threads, margay::model::ThreadPlacement::kPinned);
  const auto group =
      margay::join({.rank = member.rank, .world = member.world, .port = static_cast<std::uint16_t>(member.port)});
  torch::manual_seed(1);
  const auto network = margay::model::make_classifier({.architecture = setting.arch, .num_classes = 1000});
  network->train();
  const auto adam = margay::train::make_optimizer(network->parameter_groups());
  const auto precision = margay::core::from_text<margay::model::Precision>(setting.precision);
  margay::train::MicroBatches parts(
      network, group,
      {.micro_batches = member.world,
       .micro_batch_threads = member.threads,
       .reduce = member.reduce == "fast" ? margay::train::Reduce::kFast : margay::train::Reduce::kExact},
      member.threads);
  margay::data::Batch batch;
  const std::int64_t images = setting.batch / member.world;
  batch.images = torch::randn({images, 3, setting.px, setting.px}).contiguous(torch::MemoryFormat::ChannelsLast);
  batch.targets = torch::randint(1000, {images}, torch::kLong);
  batch.ids.resize(static_cast<std::size_t>(images));
  const margay::train::MicroBatches::Calls calls{
      .forward =
          [&](margay::model::Classifier& part_network, margay::train::MicroForward& part) {
            part.logits = margay::predict::logits_of(part_network, part.batch.images, precision);
            part.loss = margay::cross_entropy(part.logits, part.batch.targets);
          },
      .wishes = [] { return margay::train::Wishes{}; },
      .check = [](const auto&, const auto&, const auto&) {},
      .scaled = [](const torch::Tensor& loss) { return loss; }};
  std::vector<double> seconds;
  std::vector<double> waited;
  for (int i = 0; i < setting.steps + 2; ++i) {
    const auto begin = Clock::now();
    const double waited_before = parts.waited_s();
    margay::collective::any_of(*group, false);  // whether the fit is over
    parts.run(batch, setting.batch, {.seed = 1, .pass = 0, .batch = i}, true, calls);
    adam->step({std::vector<double>(network->parameter_groups().size(), 1e-9), 0.9});
    adam->zero_grad();
    if (i < 2) continue;
    seconds.push_back(seconds_since(begin));
    waited.push_back(parts.waited_s() - waited_before);
  }
  return {.seconds = median(seconds), .waited_s = median(waited)};
}

/// Starts the processes and waits for them; what rank 0 measured.
StepTimes started(const std::string& program, const Setting& setting, Member member, const fs::path& result) {
  member.port = 20'000 + static_cast<int>(Clock::now().time_since_epoch().count() / 1000 % 12'000);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < member.world; ++rank) {
    threads.emplace_back([=, &setting] {
      const std::string command = fmt::format(
          "{} --member {} {} {} {} {} {} {} {} {} {} {}", program, rank, member.world, member.port, member.threads,
          member.reduce, setting.arch, setting.batch, setting.steps, setting.precision, setting.px, result.string());
      if (std::system(command.c_str()) != 0) std::exit(EXIT_FAILURE);  // NOLINT(concurrency-mt-unsafe): it has failed
    });
  }
  threads.clear();
  StepTimes times;
  std::ifstream(result) >> times.seconds >> times.waited_s;
  fs::remove(result);
  return times;
}

int run_member(const std::vector<std::string>& given) {
  const Member member{.rank = std::stoi(given[1]),
                      .world = std::stoi(given[2]),
                      .port = std::stoi(given[3]),
                      .threads = std::stoi(given[4]),
                      .reduce = given[5]};
  const Setting setting{.arch = given[6],
                        .batch = std::stoi(given[7]),
                        .steps = std::stoi(given[8]),
                        .precision = given[9],
                        .px = std::stoi(given[10])};
  const StepTimes times = measure(setting, member);
  if (member.rank == 0) std::ofstream(given[11]) << fmt::format("{} {}\n", times.seconds, times.waited_s);
  return EXIT_SUCCESS;
}

int run_all(const std::string& program, const std::vector<std::string>& given) {
  const auto text = [&](std::size_t i, const char* otherwise) { return i < given.size() ? given[i] : otherwise; };
  const Setting setting{.arch = text(0, "resnet18"),
                        .batch = std::stoi(text(1, "32")),
                        .steps = std::stoi(text(2, "8")),
                        .precision = text(4, "fp32"),
                        .px = std::stoi(text(6, "224"))};
  const int threads = std::stoi(text(3, "2"));
  const int rounds = std::stoi(text(5, "3"));
  const fs::path result = fs::temp_directory_path() / fmt::format("processes-{}", ::getpid());
  const std::vector<Member> ways = {{.world = 1, .threads = threads},
                                    {.world = threads, .threads = 1, .reduce = "fast"},
                                    {.world = threads, .threads = 1, .reduce = "exact"}};
  std::vector<std::vector<double>> rates(ways.size());
  std::vector<std::vector<double>> waits(ways.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const StepTimes times = started(program, setting, ways[i], result);
      rates[i].push_back(static_cast<double>(setting.batch) / times.seconds);
      waits[i].push_back(times.waited_s / times.seconds);
    }
  }
  fmt::print("{}, {} images of {} px a step, {}\n", setting.arch, setting.batch, setting.px, setting.precision);
  const double alone = median(rates[0]);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto [low, high] = std::minmax_element(rates[i].begin(), rates[i].end());
    fmt::print("{} x {} {:<6} {:6.2f} images/s ({:.2f} to {:.2f})  {:5.1f} %  waiting {:.2f} %\n", ways[i].world,
               ways[i].threads, ways[i].world == 1 ? "" : ways[i].reduce, median(rates[i]), *low, *high,
               100 * median(rates[i]) / alone, 100 * median(waits[i]));
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> given(argv + 1, argv + argc);
  return !given.empty() && given[0] == "--member" ? run_member(given) : run_all(argv[0], given);
}
