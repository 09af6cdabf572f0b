// Features of all images of a folder: how long the network alone takes for as many, how long with loading, from the
// cache, and for groups of near copies.
//
//     build/dev/benchmarks/features FOLDER WEIGHTS [ARCH [PX]]

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include "benchmarks/timing.h"
#include "margay/core/threads.h"
#include "margay/margay.h"
#include "margay/model/weights/pretrained.h"

namespace {

using benchmarks::seconds_of;

namespace fs = std::filesystem;
using margay::predict::collect_features;

/// Of the network for so many images, in batches that lie in memory.
double seconds_alone(margay::Classifier& classifier, std::int64_t images, std::int64_t px,
                     margay::Precision precision) {
  constexpr std::int64_t kBatch = 64;
  const torch::NoGradGuard no_grad;
  const torch::Tensor batch = torch::randn({kBatch, 3, px, px}).contiguous(at::MemoryFormat::ChannelsLast);
  const auto run = [&] { margay::predict::features_of(classifier, batch, precision); };
  run();
  const std::int64_t batches = images / kBatch + 1;
  const double seconds = seconds_of([&] {
    for (std::int64_t i = 0; i < batches; ++i) run();
  });
  return seconds * static_cast<double>(images) / static_cast<double>(batches * kBatch);
}

void measure(const fs::path& folder, const fs::path& weights, const std::string& arch, int px) {
  margay::use_cpu_threads(margay::core::default_threads());
  margay::keep_cpu_memory();
  margay::data::keep_image_memory();
  const margay::Loaders loaders = margay::DataBlock()
                                      .items(margay::data::image_files(folder))
                                      .label(margay::data::folder_labels())
                                      .split(margay::data::no_split())
                                      .item_transform(margay::data::resize({.size = px}))
                                      .batch_transform(margay::data::augment({.size = px}))
                                      .loaders();
  const auto classifier =
      margay::make_classifier({.architecture = arch, .num_classes = loaders.vocabulary.size(), .image_px = px});
  margay::model::load_pretrained(*classifier, weights, {});
  classifier->eval();
  const auto precision = margay::model::resolve_precision(margay::Precision::kAuto, torch::kCPU);
  const fs::path cache = fs::temp_directory_path() / fmt::format("features-{}", getpid());
  margay::predict::Features features;
  const auto collect = [&] {
    features = collect_features(*classifier, loaders.train, {.cache_folder = cache, .with_changed_views = true});
  };
  const double cold = seconds_of(collect);
  const double cached = seconds_of(collect);
  fs::remove_all(cache);
  const double alone = seconds_alone(*classifier, features.size() + features.changed.rows.size(0), px, precision);
  margay::predict::ImageGroups groups;
  const double grouping =
      seconds_of([&] { groups = margay::predict::group_images(features, loaders.train.dataset()); });
  fmt::print("{} images in {}, {} px: alone {:.2f} s, with loading {:.2f} s ({:.2f} times), cached {:.3f} s\n",
             features.size(), margay::to_text(precision), px, alone, cold, cold / alone, cached);
  fmt::print("{} groups in {:.2f} s, the largest of {} images\n", groups.count, grouping, groups.largest);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    fmt::print(stderr, "features FOLDER WEIGHTS [ARCH [PX]]\n");
    return 2;
  }
  measure(argv[1], argv[2], argc > 3 ? argv[3] : "resnet18", argc > 4 ? std::atoi(argv[4]) : 224);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "features: {}\n", error.what());
  return 1;
}
