// Milliseconds per image from a file to a small square, on one thread: the whole image resampled, and the JPEG
// decoded at a fraction of its size first. thumbnail_python.py does the same with Pillow.
//
//     thumbnail FOLDER [SIDE]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"

namespace {

using namespace margay::data;
using Paths = std::vector<std::filesystem::path>;

Paths jpegs_in(const std::filesystem::path& folder) {
  Paths paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".jpg") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The best of three passes over all images.
template <class Step>
double best_ms_per_image(const Paths& paths, Step&& step) {
  double best = 1e30;
  for (int pass = 0; pass < 3; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& path : paths) step(path);
    const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
    best = std::min(best, spent.count() / static_cast<double>(paths.size()));
  }
  return best;
}

margay::core::Image squash(const margay::core::Image& image, int side) { return resample(image, side, side); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "thumbnail FOLDER [SIDE]\n"), 2;
  const Paths paths = jpegs_in(argv[1]);
  const int side = argc > 2 ? std::atoi(argv[2]) : 460;
  const ReadOptions scaled = {.min_side = side};
  const auto read = [&](const ReadOptions& options) {
    return best_ms_per_image(paths, [&](const auto& path) { read_image(path, options); });
  };
  const auto both = [&](const ReadOptions& options) {
    return best_ms_per_image(paths, [&](const auto& path) { squash(read_image(path, options), side); });
  };
  std::printf("%zu images to %dx%d, ms per image\n", paths.size(), side, side);
  std::printf("header only          %7.3f\n", best_ms_per_image(paths, [](const auto& path) { read_size(path); }));
  std::printf("whole, decoded       %7.2f, and resampled %7.2f\n", read({}), both({}));
  std::printf("min_side, decoded    %7.2f, and resampled %7.2f\n", read(scaled), both(scaled));
}
