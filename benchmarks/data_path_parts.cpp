// What each part of the way from a file to the network's input costs, per picture and on one thread:
//
//     data_path_parts [benchmark flags] FOLDER
//
// Takes the first 256 pictures of the folder, by name. They are read once before the clock starts, so the
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

constexpr std::size_t kMaxPictures = 256;

/// Everything that one part hands to the next, for each picture.
struct Pictures {
  std::vector<std::filesystem::path> paths;
  std::vector<core::Image> decoded;
  std::vector<core::Image> presized;
};

Pictures& pictures() {
  static Pictures all;
  return all;
}

void load(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  core::Random random{1};
  for (const auto& path : paths) {
    if (pictures().paths.size() == kMaxPictures) return;
    try {
      pictures().decoded.push_back(data::read_image(path));
    } catch (const core::DataError& error) {
      std::fprintf(stderr, "left out: %s\n", error.what());
      continue;
    }
    pictures().paths.push_back(path);
    pictures().presized.push_back(data::resize().apply(pictures().decoded.back(), data::Phase::kTrain, random));
  }
}

/// Runs `work(i)` over the pictures in turn; items per second are pictures per second.
template <class Work>
void for_each_picture(benchmark::State& state, Work&& work) {
  std::size_t i = 0;
  for (auto _ : state) {
    work(i);
    i = (i + 1) % pictures().paths.size();
  }
  state.SetItemsProcessed(state.iterations());
}

void decode(benchmark::State& state) {
  for_each_picture(state, [](std::size_t i) { benchmark::DoNotOptimize(data::read_image(pictures().paths[i])); });
}

void presize(benchmark::State& state) {
  const data::Resize resize = data::resize({.size = 460});
  core::Random random{2};
  for_each_picture(state, [&](std::size_t i) {
    benchmark::DoNotOptimize(resize.apply(pictures().decoded[i], data::Phase::kTrain, random));
  });
}

void warp(benchmark::State& state) {
  const data::Augment augment = data::augment({.size = 224, .min_scale = 0.75});
  const data::Normalization normalization = data::imagenet_normalization();
  std::vector<float> out(3 * 224 * 224);
  core::Random random{3};
  for_each_picture(state, [&](std::size_t i) {
    const core::Image& item = pictures().presized[i];
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
  for_each_picture(state, [&](std::size_t i) {
    const core::Image item = resize.apply(data::read_image(pictures().paths[i]), data::Phase::kTrain, random);
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
  if (pictures().paths.empty()) {
    std::fprintf(stderr, "%s holds no picture that can be read\n", argv[1]);
    return 3;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
