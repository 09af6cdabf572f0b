// How fast is training with its data, and how fast could it be? In one run, in turn: the network alone on a batch
// that is already there, whole epochs with loading, and the loader alone; then their ratio and the peak memory.
//
//   train_speed FOLDER LABEL_REGEX [WEIGHTS [ARCH [EPOCHS]]]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "benchmarks/timing.h"
#include "margay/margay.h"
#include "margay/train/optim/optimizer.h"

namespace {

using benchmarks::median;
using benchmarks::seconds_of;

/// images/s of forward, loss, backward and optimizer step on one batch, the median step of `steps`.
double model_alone(margay::Learner& learner, const margay::Batch& batch, int steps) {
  const auto adam = margay::train::make_optimizer(learner.classifier().parameter_groups());
  learner.classifier().train();
  std::vector<double> times;
  for (int i = 0; i < steps + 2; ++i) {
    const double time = seconds_of([&] {
      torch::Tensor logits;
      {
        const margay::Autocast autocast(torch::kCPU, learner.precision());
        logits = learner.classifier().forward(batch.images);
      }
      margay::cross_entropy(logits.to(torch::kFloat), batch.targets).backward();
      adam->step({std::vector<double>(3, 1e-9), 0.9});
      adam->zero_grad();
    });
    if (i >= 2) times.push_back(time);  // the first steps fill caches
  }
  return static_cast<double>(batch.size()) / median(times);
}

double loader_alone(const margay::Loader& loader) {
  std::int64_t images = 0;
  const double time = seconds_of([&] {
    margay::LoaderPass pass = loader.pass();
    while (const auto batch = pass.next()) images += batch->size();
  });
  return static_cast<double>(images) / time;
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: train_speed FOLDER LABEL_REGEX [WEIGHTS [ARCH [EPOCHS]]]\n");
    return 2;
  }
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  const std::string arch = argc > 4 ? argv[4] : "resnet18";
  const int epochs = argc > 5 ? std::stoi(argv[5]) : 2;
  auto block = margay::DataBlock()
                   .items(margay::image_files(argv[1]))
                   .label(margay::regex_labels(argv[2]))
                   .split(margay::random_split())
                   .item_transform(margay::resize({.size = 460}))
                   .batch_transform(margay::augment({.size = 224, .min_scale = 0.75}));
  auto learner = margay::vision_learner(block.loaders(), arch, {.weights = argc > 3 ? argv[3] : ""});
  learner.unfreeze();
  const margay::Batch batch = *learner.loaders().train.pass().next();
  fmt::print("{} threads, {}, {}, batch {}\n", margay::available_cpus(), arch, margay::to_text(learner.precision()),
             batch.size());
  std::vector<double> ratios;
  for (int i = 0; i < epochs; ++i) {
    const double before = model_alone(learner, batch, 8);
    learner.fit(1, 1e-4);
    const double after = model_alone(learner, batch, 8);
    const margay::EpochRecord& epoch = learner.history().back();
    const double alone = (before + after) / 2;
    ratios.push_back(epoch.train_images_per_s / alone);
    fmt::print("network alone {:6.1f} images/s   with loading {:6.1f}   ratio {:.3f}   waiting {:.1f} %\n", alone,
               epoch.train_images_per_s, ratios.back(), epoch.wait_share * 100);
  }
  fmt::print("loader alone  {:6.1f} images/s\n", loader_alone(learner.loaders().train));
  fmt::print("median ratio  {:.3f}\npeak memory   {:.0f} MiB\n", median(ratios), peak_mib());
}
