// What fine-tuning that begins at a probe gains, and that it does not lose, on sets that are unlike one another.
//
//   tuning SHARED OUT [SETS [SEEDS [EPOCHS]]]
//
// SHARED: a folder with data/pets (images/, labels.csv), data/mnist_3_7 and weights/resnet18-imagenet.safetensors; OUT:
// a new folder for the sets that are made. SETS, separated by commas (all but `pets` unless said):
//   pets      the whole set, also with fine_tune(3), the recipe to compare with
//   pets10    10 training images a class, pets20 with 20
//   mnist     threes and sevens
//   sample    the built-in sample
//   burst     the sample as a burst: 3 scenes a class, 8 near-copies of each, the validation images of other scenes and
//             before other backgrounds, while in training the background goes with the class
// ResNet-18, 460 -> 224, batch 64, bf16 where the processor has it. Prints a row for each set and seed, as it comes:
// errors and losses on the validation images, the seconds of everything, and what the comparison of the two says.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/timing.h"
#include "margay/core/random.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"
#include "margay/data/sample/sample.h"
#include "margay/margay.h"

namespace {

using benchmarks::split_at_commas;

namespace fs = std::filesystem;
using margay::Learner;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// ---- the sets ----

/// A copy at half the size before a background of stripes, moved and lit a little by `copy`.
margay::core::Image scene(const margay::core::Image& object, double hue, margay::core::Random copy) {
  constexpr int kSide = 256;
  margay::core::Image image(kSide, kSide);
  const double light = copy.uniform(0.9, 1.1);
  const int left = static_cast<int>(copy.below(12)) + 40;
  const int top = static_cast<int>(copy.below(12)) + 40;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double stripe = (x + y) / 16 % 2 == 0 ? 1 : 0.7;
      for (int c = 0; c < 3; ++c) {
        const double wave = 0.5 + 0.5 * std::cos(2 * M_PI * (hue + c / 3.0));
        double value = 220 * wave * stripe;
        const int object_y = (y - top) * object.height / (kSide * 5 / 8);
        const int object_x = (x - left) * object.width / (kSide * 5 / 8);
        const bool is_object = y >= top && x >= left && object_y < object.height && object_x < object.width;
        if (is_object) value = object.row(object_y)[3 * object_x + c];
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(std::clamp(light * value, 0.0, 255.0));
      }
    }
  }
  return image;
}

void make_burst(const fs::path& folder) {
  constexpr int kScenes = 3;
  constexpr int kCopies = 8;
  constexpr int kValid = 20;
  margay::draw_sample(folder / "drawn", {.per_class = kScenes + kValid, .valid_fraction = 0});
  std::uint64_t label = 0;
  for (const std::string& name : margay::data::sample_classes()) {
    const double hue = static_cast<double>(label) / static_cast<double>(margay::data::sample_classes().size());
    for (const char* part : {"train", "valid"}) fs::create_directories(folder / "images" / part / name);
    for (int i = 0; i < kScenes + kValid; ++i) {
      const auto object =
          margay::data::read_image(folder / "drawn/train" / name / fmt::format("{}_{:04}.jpg", name, i + 1));
      const bool is_train = i < kScenes;
      for (int copy = 0; copy < (is_train ? kCopies : 1); ++copy) {
        margay::core::Random random{label, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(copy)};
        const double background = is_train ? hue : random.uniform();
        margay::data::write_jpeg(
            folder / "images" / (is_train ? "train" : "valid") / name / fmt::format("{}_{}.jpg", i, copy),
            scene(object, background, random));
      }
    }
    ++label;
  }
}

/// The first `per_class` training images of each class of a table, and all for validation.
void cut_table(const fs::path& table, int per_class, const fs::path& result) {
  std::ifstream in(table);
  std::ofstream out(result);
  std::string line;
  std::map<std::string, int> seen;
  std::getline(in, line);
  out << line << '\n';
  while (std::getline(in, line)) {
    const std::size_t first = line.find(',');
    const std::size_t second = line.find(',', first + 1);
    const bool is_valid = line.substr(second + 1, 1) == "1";
    if (is_valid || seen[line.substr(first, second - first)]++ < per_class) out << line << '\n';
  }
}

margay::DataBlock from_table(const fs::path& images, const fs::path& csv) {
  const auto table = margay::LabelTable::read(csv, images);
  return margay::DataBlock().items(table.items()).label(table.labels()).split(table.split());
}

margay::DataBlock from_folders(const fs::path& folder) {
  return margay::DataBlock()
      .items(margay::image_files(folder))
      .label(margay::folder_labels())
      .split(margay::folder_split(folder));
}

margay::DataBlock block_of(const std::string& set, const fs::path& shared, const fs::path& out) {
  const fs::path pets = shared / "data/pets";
  if (set == "pets") return from_table(pets / "images", pets / "labels.csv");
  if (set == "pets10" || set == "pets20") {
    cut_table(pets / "labels.csv", set == "pets10" ? 10 : 20, out / (set + ".csv"));
    return from_table(pets / "images", out / (set + ".csv"));
  }
  if (set == "mnist") return from_folders(shared / "data/mnist_3_7");
  if (set == "sample") {
    margay::draw_sample(out / set);
    return from_folders(out / set);
  }
  if (set == "burst") {
    make_burst(out / set);
    return from_folders(out / set / "images");
  }
  throw std::invalid_argument(fmt::format("no set '{}'; pets, pets10, pets20, mnist, sample, burst", set));
}

// ---- the ways ----

Learner learner_of(const margay::DataBlock& data, const fs::path& weights, std::uint64_t seed,
                   const margay::HeadOptions& head) {
  margay::DataBlock block = data;
  block.item_transform(margay::resize({.size = 460}))
      .batch_transform(margay::augment({.size = 224, .min_scale = 0.75}));
  return margay::vision_learner(block.loaders({.seed = seed}), "resnet18",
                                {.weights = weights, .seed = seed, .head = head});
}

void fine_tune(const margay::DataBlock& data, const fs::path& weights, const std::string& set, std::uint64_t seed) {
  const double begin = seconds_now();
  Learner learner = learner_of(data, weights, seed, {});
  learner.fine_tune(3);
  const margay::EpochRecord& last = learner.history().back();
  fmt::print("| {} | {} | fine_tune(3) | | | {:.4f} | {:.4f} | {:.0f} | |\n", set, seed, last.metrics[0],
             last.valid_loss, seconds_now() - begin);
  std::fflush(stdout);
}

void tune_probe(const margay::DataBlock& data, const fs::path& weights, const std::string& set, std::uint64_t seed,
                std::int64_t epochs) {
  const double begin = seconds_now();
  Learner learner = learner_of(data, weights, seed, {.kind = margay::HeadKind::kLinear, .dropout = {0}});
  const auto guard = std::make_shared<margay::TuningGuard>();
  learner.add_callback(guard);
  learner.run(margay::probe_recipe(epochs));
  const double trained = seconds_now();
  const margay::TuningComparison tuned = *guard->compare(learner);
  fmt::print(
      "| {} | {} | probe, {} epoch{} | {:.4f} | {:.4f} | {:.4f} | {:.4f} | {:.0f}, probe {:.0f} | {}; loss {:+.4f} ± "
      "{:.4f}"
      "{}{} |\n",
      set, seed, epochs, epochs == 1 ? "" : "s", tuned.start_error, tuned.start_loss, tuned.end_error, tuned.end_loss,
      trained - begin, learner.history().front().seconds, margay::core::to_text(tuned.verdict), tuned.loss.value,
      tuned.loss.standard_error,
      tuned.mcnemar ? fmt::format(", lost {} won {} p {:.2g}", tuned.mcnemar->only_second_errs,
                                  tuned.mcnemar->only_first_errs, tuned.mcnemar->mid_p)
                    : "",
      guard->times_restored() > 0 ? fmt::format(", put back {} times", guard->times_restored()) : "");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2) {
    fmt::print(stderr, "usage: tuning SHARED OUT [SETS [SEEDS [EPOCHS]]]\n");
    return 2;
  }
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  const fs::path shared = arguments[0];
  const fs::path out = arguments[1];
  fs::create_directories(out);
  const fs::path weights = shared / "weights/resnet18-imagenet.safetensors";
  const std::uint64_t seeds = arguments.size() > 3 ? std::stoull(arguments[3]) : 1;
  const std::int64_t epochs = arguments.size() > 4 ? std::stoll(arguments[4]) : 1;
  fmt::print("| set | seed | way | probe's error | its loss | error | loss | seconds | tuned against probe |\n");
  fmt::print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::string& set :
       split_at_commas(arguments.size() > 2 ? arguments[2] : "sample,mnist,burst,pets10,pets20")) {
    const margay::DataBlock data = block_of(set, shared, out);
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      if (set == "pets") fine_tune(data, weights, set, seed);
      tune_probe(data, weights, set, seed, epochs);
    }
  }
  return 0;
}
