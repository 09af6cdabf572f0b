// What each part of the way from a file to the network's input costs, per image and on one thread:
//
//     data_path_parts [benchmark flags] FOLDER
//
// Takes the first 256 images of the folder, by name. They are read once before the clock starts, so the
// files come from the page cache.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include <benchmark/benchmark.h>

#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "margay/data/transform/augment.h"
#include "margay/data/transform/resize.h"

namespace {

using namespace margay;

constexpr std::size_t kMaxImages = 256;

/// Everything that one part hands to the next, for each image.
struct Images {
  std::vector<std::filesystem::path> paths;
  std::vector<core::Image> decoded;
  std::vector<core::Image> presized;
};

Images& images() {
  static Images all;
  return all;
}

void load(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  core::Random random{1};
  for (const auto& path : paths) {
    if (images().paths.size() == kMaxImages) return;
    try {
      images().decoded.push_back(data::read_image(path));
    } catch (const core::DataError& error) {
      std::fprintf(stderr, "left out: %s\n", error.what());
      continue;
    }
    images().paths.push_back(path);
    images().presized.push_back(data::resize().apply(images().decoded.back(), data::Phase::kTrain, random));
  }
}

/// Runs `work(i)` over the images in turn; items per second are images per second.
template <class Work>
void for_each_image(benchmark::State& state, Work&& work) {
  std::size_t i = 0;
  for (auto _ : state) {
    work(i);
    i = (i + 1) % images().paths.size();
  }
  state.SetItemsProcessed(state.iterations());
}

void decode(benchmark::State& state) {
  for_each_image(state, [](std::size_t i) { benchmark::DoNotOptimize(data::read_image(images().paths[i])); });
}

void presize(benchmark::State& state) {
  const data::Resize resize = data::resize({.size = 460});
  core::Random random{2};
  for_each_image(state, [&](std::size_t i) {
    benchmark::DoNotOptimize(resize.apply(images().decoded[i], data::Phase::kTrain, random));
  });
}

void warp(benchmark::State& state) {
  const data::Augment augment = data::augment({.size = 224, .min_scale = 0.75});
  const data::Normalization normalization = data::imagenet_normalization();
  std::vector<float> out(3 * 224 * 224);
  core::Random random{3};
  for_each_image(state, [&](std::size_t i) {
    const core::Image& item = images().presized[i];
    augment.apply(item, augment.draw(item.height, item.width, data::Phase::kTrain, random), normalization, out.data());
    benchmark::ClobberMemory();
  });
}

void whole(benchmark::State& state) {
  const data::Resize resize = data::resize({.size = 460});
  const data::Augment augment = data::augment({.size = 224, .min_scale = 0.75});
  const data::Normalization normalization = data::imagenet_normalization();
  std::vector<float> out(3 * 224 * 224);
  core::Random random{4};
  for_each_image(state, [&](std::size_t i) {
    const core::Image item = resize.apply(data::read_image(images().paths[i]), data::Phase::kTrain, random);
    augment.apply(item, augment.draw(item.height, item.width, data::Phase::kTrain, random), normalization, out.data());
    benchmark::ClobberMemory();
  });
}

BENCHMARK(decode)->Unit(benchmark::kMillisecond);
BENCHMARK(presize)->Unit(benchmark::kMillisecond);
BENCHMARK(warp)->Unit(benchmark::kMillisecond);
BENCHMARK(whole)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s [benchmark flags] FOLDER\n", argv[0]);
    return 2;
  }
  load(argv[1]);
  if (images().paths.empty()) {
    std::fprintf(stderr, "%s holds no image that can be read\n", argv[1]);
    return 3;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
