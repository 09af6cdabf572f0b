// The data path on the images of a folder, brought to 500x375 JPEGs first: 460, full augmentation, 224. Each line is
// measured in a process of its own that may use 1 or 2 cores, in turn, and the best of several epochs counts; beside
// images/s stands the processor time of an image, which a busy machine disturbs less.
//
//   data FOLDER [IMAGES [EPOCHS [malloc]]]
//       512 images and 5 epochs unless said; malloc: memory as it is, not kept as by the program
//   data --memory FOLDER [IMAGES]
//       resident memory after each of 20 epochs, of the images as they are unless IMAGES are cut
//   data --write FOLDER OUT [IMAGES]
//       writes the 500x375 images, for compare_data.py
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/data/data_block.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "margay/data/loader/batch.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "margay/model/cpu_memory.h"

namespace {

namespace data = margay::data;
namespace fs = std::filesystem;

/// A folder that disappears.
struct Temporary {
  Temporary() {
    std::string pattern = (fs::temp_directory_path() / "margay-data-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw margay::core::IoError(pattern, "cannot be made", errno);
    path = pattern;
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

int write_images(const fs::path& folder, const fs::path& out, int count) {
  const data::PathList paths = data::image_files(folder);
  fs::create_directories(out / "all");
  int written = 0;
  for (std::size_t i = 0; i < paths.size() && written < count; ++i) {
    try {
      const margay::core::Image image = data::read_image(paths[i]);
      if (image.height < 200 || image.width < 200) continue;
      data::write_jpeg(out / "all" / fmt::format("{:05}.jpg", written), data::resample(image, 375, 500), 88);
      ++written;
    } catch (const margay::core::Error&) {
      continue;  // not every folder's images can all be read
    }
  }
  return written;
}

data::Loaders loaders_of(const fs::path& folder, const data::LoaderOptions& options, double valid_fraction) {
  return data::DataBlock()
      .items(data::image_files(folder))
      .label(data::folder_labels())
      .split(data::random_split({.valid_fraction = valid_fraction}))
      .item_transform(data::resize({.size = 460}))
      .batch_transform(data::augment({.size = 224, .min_scale = 0.75}))
      .loaders(options);
}

/// What the process has used so far.
struct Used {
  double cpu_s = 0;
  double page_faults = 0;
};

Used used() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), static_cast<double>(usage.ru_minflt)};
}

struct Speed {
  double images_per_s = 0;
  double cpu_ms = 1e9;       ///< per image
  double page_faults = 1e9;  ///< per image
};

Speed better(const Speed& a, const Speed& b) {
  return {std::max(a.images_per_s, b.images_per_s), std::min(a.cpu_ms, b.cpu_ms),
          std::min(a.page_faults, b.page_faults)};
}

Speed epoch_of(const data::Loader& loader, std::int64_t epoch) {
  const Used before = used();
  const auto begin = std::chrono::steady_clock::now();
  std::int64_t images = 0;
  data::LoaderPass pass = loader.pass(epoch);
  while (const auto batch = pass.next()) images += batch->size();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto n = static_cast<double>(images);
  const Used after = used();
  return {n / seconds, 1e3 * (after.cpu_s - before.cpu_s) / n, (after.page_faults - before.page_faults) / n};
}

/// What is measured in one process.
struct Case {
  std::string name;
  data::CacheKind cache;
  data::Phase phase;
  bool keeps_memory;
};

Speed measure(const Case& what, const fs::path& folder, int epochs) {
  if (what.keeps_memory) {
    data::keep_image_memory();
    margay::model::keep_cpu_memory();
  }
  data::LoaderOptions options;
  options.cache = what.cache;
  options.drop_last = false;
  const bool trains = what.phase == data::Phase::kTrain;
  const data::Loaders loaders = loaders_of(folder, options, trains ? 0 : 0.99);
  const data::Loader& loader = trains ? loaders.train : *loaders.valid;
  epoch_of(loader, 0);  // warms the file cache, and fills ours
  Speed best;
  for (int epoch = 1; epoch <= epochs; ++epoch) best = better(best, epoch_of(loader, epoch));
  return best;
}

/// measure() in a new process on the first `cores` allowed cores: how many there are is asked only once in a process.
Speed measure_apart(const Case& what, const fs::path& folder, int epochs, int cores) {
  int ends[2];
  if (::pipe(ends) != 0) throw margay::core::IoError("pipe", "cannot be made", errno);
  const pid_t child = ::fork();
  if (child == 0) {
    cpu_set_t all;
    cpu_set_t some;
    ::sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&some);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&some) < cores; ++cpu) {
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &some);
    }
    ::sched_setaffinity(0, sizeof some, &some);
    const Speed speed = measure(what, folder, epochs);
    ::_exit(::write(ends[1], &speed, sizeof speed) == sizeof speed ? 0 : 1);
  }
  ::close(ends[1]);
  Speed speed;
  const bool is_read = ::read(ends[0], &speed, sizeof speed) == sizeof speed;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (!is_read) throw margay::core::IoError(what.name, "the measuring process failed");
  return speed;
}

void compare(const fs::path& folder, int count, int epochs, bool keeps_memory) {
  const Temporary images;
  const pid_t writer = ::fork();  // what it frees would tune malloc for all the others
  if (writer == 0) ::_exit(write_images(folder, images.path, count) > 0 ? 0 : 1);
  ::waitpid(writer, nullptr, 0);
  fmt::print("{:<18} {:>10} {:>10} {:>6} {:>7} {:>7} {:>7}\n", "", "1 core", "2 cores", "ratio", "cpu ms", "of 2",
             "faults");
  for (const Case& what :
       std::vector<Case>{{"train, cold", data::CacheKind::kOff, data::Phase::kTrain, keeps_memory},
                         {"train, cache ram", data::CacheKind::kRam, data::Phase::kTrain, keeps_memory},
                         {"valid, cold", data::CacheKind::kOff, data::Phase::kValid, keeps_memory},
                         {"valid, cache ram", data::CacheKind::kRam, data::Phase::kValid, keeps_memory}}) {
    Speed one;
    Speed two;
    for (int turn = 0; turn < 2; ++turn) {
      one = better(one, measure_apart(what, images.path, epochs, 1));
      two = better(two, measure_apart(what, images.path, epochs, 2));
    }
    fmt::print("{:<18} {:>8.0f}/s {:>8.0f}/s {:>6.2f} {:>7.2f} {:>7.2f} {:>7.0f}\n", what.name, one.images_per_s,
               two.images_per_s, two.images_per_s / one.images_per_s, one.cpu_ms, two.cpu_ms, two.page_faults);
    std::fflush(stdout);
  }
}

void watch_memory(const fs::path& folder) {
  constexpr int kEpochs = 20;
  const data::Loaders loaders = loaders_of(folder, {}, 0);
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const Speed speed = epoch_of(loaders.train, epoch);
    fmt::print("epoch {:>2}  {:>6.0f} images/s  resident {:>5.0f} MB\n", epoch + 1, speed.images_per_s,
               1e-6 * static_cast<double>(margay::core::resident_memory_bytes()));
    std::fflush(stdout);
  }
}

int number(const std::vector<std::string>& arguments, std::size_t i, int otherwise) {
  return i < arguments.size() ? std::stoi(arguments[i]) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  constexpr int kImages = 512;
  if (arguments.size() >= 2 && arguments[0] == "--memory") {
    const Temporary images;
    const bool is_cut = arguments.size() > 2;
    if (is_cut) write_images(arguments[1], images.path, number(arguments, 2, kImages));
    watch_memory(is_cut ? images.path : fs::path(arguments[1]));
    return 0;
  }
  if (arguments.size() >= 3 && arguments[0] == "--write") {
    fmt::print("{} images\n", write_images(arguments[1], arguments[2], number(arguments, 3, kImages)));
    return 0;
  }
  if (arguments.empty() || arguments[0].starts_with("--")) {
    fmt::print(stderr, "usage: data FOLDER [IMAGES [EPOCHS [malloc]]] | --memory FOLDER | --write FOLDER OUT\n");
    return 2;
  }
  compare(arguments[0], number(arguments, 1, kImages), number(arguments, 2, 5), arguments.size() < 4);
  return 0;
}
