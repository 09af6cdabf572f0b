// What the training loop costs beside the network: the listeners of `margay train`, and memory over many epochs.
//
//   training callbacks IMAGES LABELS_CSV OUT
//       ResNet-18, 224, batch 64, epochs without listeners and with them in turn: images/s, the share of the steps that
//       they take, and each one's time
//   training sample OUT [EPOCHS]
//       resnet20, 64, batch 32, with all of them, on the sample that `margay sample` draws, made in OUT: resident
//       memory after epochs 1, 2, 5, 10, 20, 50, … and the listeners' times
//
// Logs and checkpoints go to OUT, a new folder.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/core/machine.h"
#include "margay/data/sample/sample.h"
#include "margay/margay.h"

namespace {

namespace fs = std::filesystem;
using margay::EpochRecord;
using margay::Learner;
using margay::Progress;

/// Passes on the events that the listeners below hear, and adds up what one takes, within steps and at epochs' ends
/// apart.
class Stopwatch : public margay::Callback {
 public:
  Stopwatch(std::string name, std::shared_ptr<margay::Callback> listener)
      : name_(std::move(name)), listener_(std::move(listener)) {}

  void before_fit(Learner& learner, const Progress& at) override { listener_->before_fit(learner, at); }
  void before_batch(Learner& learner, const Progress& at) override {
    add(steps_, [&] { listener_->before_batch(learner, at); });
  }
  void after_loss(Learner& learner, const Progress& at) override {
    add(steps_, [&] { listener_->after_loss(learner, at); });
  }
  void before_step(Learner& learner, const Progress& at) override {
    add(steps_, [&] { listener_->before_step(learner, at); });
  }
  void after_batch(Learner& learner, const Progress& at) override {
    add(steps_, [&] { listener_->after_batch(learner, at); });
    ++steps_.count;
  }
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override {
    add(epochs_, [&] { listener_->after_epoch(learner, at, record); });
    ++epochs_.count;
  }

  void print() const {
    fmt::print("  {:<16} {:>8.1f} us a step, {:>7.2f} ms after an epoch\n", name_, 1e6 * steps_.seconds / steps_.count,
               1e3 * epochs_.seconds / epochs_.count);
  }

 private:
  struct Total {
    double seconds = 0;
    int count = 0;
  };

  static void add(Total& total, const auto& event) {
    const auto begin = std::chrono::steady_clock::now();
    event();
    total.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  std::string name_;
  std::shared_ptr<margay::Callback> listener_;
  Total steps_;  ///< those of validation count as steps, too
  Total epochs_;
};

using Stopwatches = std::vector<std::shared_ptr<Stopwatch>>;

/// Those of `margay train`, but for what it prints and its list of runs.
Stopwatches default_listeners(const fs::path& folder) {
  fs::create_directories(folder);
  const auto on_failure = [](const margay::IoError& error) { throw error; };
  const auto named = [](std::string name, auto listener) {
    return std::make_shared<Stopwatch>(std::move(name), std::move(listener));
  };
  return {named("CsvLog", std::make_shared<margay::CsvLog>(folder / "history.csv", on_failure)),
          named("JsonLinesLog", std::make_shared<margay::JsonLinesLog>(folder / "steps.jsonl", on_failure)),
          named("StopWhen", std::make_shared<margay::StopWhen>([] { return false; })),
          named("SaveCheckpoints",
                std::make_shared<margay::SaveCheckpoints>(margay::CheckpointFolder(folder / "checkpoints"),
                                                          std::chrono::minutes(10), on_failure))};
}

void listen(Learner& learner, const Stopwatches& listeners) {
  for (const auto& listener : listeners) learner.add_callback(listener);
}

void print_epoch(const std::string& what, const Learner& learner) {
  const EpochRecord& epoch = learner.history().back();
  fmt::print("{:<18} {:6.1f} images/s  {:.4f} % of the steps in callbacks\n", what, epoch.train_images_per_s,
             100 * epoch.callback_share);
  std::fflush(stdout);
}

Learner pets_learner(const fs::path& images, const fs::path& labels_csv) {
  const auto table = margay::LabelTable::read(labels_csv, images);
  auto block = margay::DataBlock()
                   .items(table.items())
                   .label(table.labels())
                   .split(table.split())
                   .item_transform(margay::resize({.size = 460}))
                   .batch_transform(margay::augment({.size = 224, .min_scale = 0.75}));
  return margay::vision_learner(block.loaders(), "resnet18");
}

/// In turn, so that both see the same machine.
void measure_callbacks(const fs::path& images, const fs::path& labels_csv, const fs::path& out) {
  constexpr int kTurns = 3;
  Learner learner = pets_learner(images, labels_csv);
  learner.unfreeze();
  const Stopwatches listeners = default_listeners(out);
  for (int turn = 0; turn < kTurns; ++turn) {
    learner.exchange_callbacks({});
    learner.fit(1, 1e-4);
    print_epoch("without listeners", learner);
    listen(learner, listeners);
    learner.fit(1, 1e-4);
    print_epoch("with listeners", learner);
  }
  for (const auto& listener : listeners) listener->print();
}

/// Tells how much the process holds after epochs 1, 2, 5, 10, 20, 50, …
class MemoryLines : public margay::Callback {
 public:
  void after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& /*record*/) override {
    const std::size_t epoch = learner.history().size();
    const auto decade = static_cast<std::size_t>(std::pow(10, std::floor(std::log10(static_cast<double>(epoch)))));
    if (epoch != decade && epoch != 2 * decade && epoch != 5 * decade) return;
    print_epoch(
        fmt::format("epoch {}: {:.0f} MB", epoch, 1e-6 * static_cast<double>(margay::core::resident_memory_bytes())),
        learner);
  }
};

/// The quickstart's training.
void train_sample(const fs::path& out, std::int64_t epochs) {
  const fs::path images = out / "images";
  margay::draw_sample(images);
  auto block = margay::DataBlock()
                   .items(margay::image_files(images))
                   .label(margay::folder_labels())
                   .split(margay::folder_split(images))
                   .item_transform(margay::resize({.size = 80}))
                   .batch_transform(margay::augment({.size = 64, .min_scale = 0.5}));
  Learner learner =
      margay::vision_learner(block.loaders({.batch_size = 32}), "resnet20", {.head = {.hidden = {}, .dropout = {0.1}}});
  learner.unfreeze();
  const Stopwatches listeners = default_listeners(out / "run");
  listen(learner, listeners);
  learner.add_callback(std::make_shared<MemoryLines>());
  learner.fit_one_cycle(epochs, 5e-3);
  for (const auto& listener : listeners) listener->print();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  if (arguments.size() == 4 && arguments[0] == "callbacks") {
    measure_callbacks(arguments[1], arguments[2], arguments[3]);
    return 0;
  }
  if (arguments.size() >= 2 && arguments[0] == "sample") {
    train_sample(arguments[1], arguments.size() > 2 ? std::stoll(arguments[2]) : 50);
    return 0;
  }
  fmt::print(stderr, "usage: training callbacks IMAGES LABELS_CSV OUT | training sample OUT [EPOCHS]\n");
  return 2;
}
