// How long does the closed form of a probe take, and how much memory? Ridge regression on one-hot targets: the
// decomposition, the left-out outputs of many strengths, the solution. The features are made up: classes are
// directions.
//
//   probe size IMAGES FEATURES CLASSES [STRENGTHS [FILE]]    rows in memory, or written to FILE first and read from
//   there probe exact [IMAGES [FEATURES [CLASSES]]]                left-out outputs against 200 explicit refits
#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/margay.h"
#include "margay/train/probe/ridge.h"

namespace {

using margay::train::LeftOutRows;
using margay::train::LinearMap;
using margay::train::Ridge;
using margay::train::RidgeRows;

struct Shape {
  std::int64_t images = 0;
  std::int64_t features = 0;
  std::int64_t classes = 0;
};

struct Clock {
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  rusage used = usage();

  static rusage usage() {
    rusage now = {};
    ::getrusage(RUSAGE_SELF, &now);
    return now;
  }
  /// Of all threads, in the program and in the system.
  double processor_seconds() const {
    const auto seconds_of = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  }
};

/// Memory is the highest of the whole process so far.
void print_stage(const std::string& stage, const Clock& start) {
  const Clock now;
  fmt::print("{:34}  {:8.2f} s  {:8.2f} s of the processors  {:7.0f} MB\n", stage, now.seconds - start.seconds,
             now.processor_seconds() - start.processor_seconds(), static_cast<double>(now.used.ru_maxrss) / 1024);
  std::fflush(stdout);
}

torch::Tensor classes_of(const Shape& shape) { return torch::randint(0, shape.classes, {shape.images}, torch::kLong); }

/// Rows of unit length: noise, and a direction for each class.
torch::Tensor made_rows(const torch::Tensor& classes, const torch::Tensor& directions) {
  const torch::Tensor rows = torch::randn({classes.size(0), directions.size(1)}) + directions.index_select(0, classes);
  return rows / rows.norm(2, {1}, /*keepdim=*/true);
}

/// Rows of float32 one after the other in a file.
class RowsOnDisk {
 public:
  explicit RowsOnDisk(const std::string& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600)) {
    if (file_ < 0) throw std::runtime_error("cannot write " + path);
  }
  RowsOnDisk(const RowsOnDisk&) = delete;
  RowsOnDisk& operator=(const RowsOnDisk&) = delete;
  ~RowsOnDisk() { ::close(file_); }

  void write(const torch::Tensor& rows) const {
    const auto bytes = static_cast<std::size_t>(rows.nbytes());
    for (std::size_t at = 0; at < bytes;) {
      const ssize_t wrote = ::write(file_, static_cast<const char*>(rows.data_ptr()) + at, bytes - at);
      if (wrote <= 0) throw std::runtime_error("cannot write rows");
      at += static_cast<std::size_t>(wrote);
    }
  }

  /// Positions in growing order are read run by run.
  torch::Tensor read(std::span<const std::int64_t> positions, std::int64_t features) const {
    const std::int64_t row_bytes = features * 4;
    torch::Tensor rows = torch::empty({static_cast<std::int64_t>(positions.size()), features});
    auto* const out = static_cast<char*>(rows.data_ptr());
    for (std::size_t first = 0, end = 0; first < positions.size(); first = end) {
      for (end = first + 1; end < positions.size() && positions[end] == positions[end - 1] + 1;) ++end;
      const auto bytes = static_cast<std::int64_t>(end - first) * row_bytes;
      const auto at = static_cast<std::int64_t>(first) * row_bytes;
      if (::pread(file_, out + at, static_cast<std::size_t>(bytes), positions[first] * row_bytes) != bytes) {
        throw std::runtime_error("cannot read rows");
      }
    }
    return rows;
  }

 private:
  int file_;
};

std::vector<double> strengths_of(int count) {
  std::vector<double> strengths;
  for (int i = 0; i < count; ++i) strengths.push_back(std::pow(10.0, -4 + 7.0 * i / std::max(count - 1, 1)));
  return strengths;
}

void measure(const RidgeRows& rows, const torch::Tensor& classes, std::int64_t num_classes, int count) {
  const Clock begin;
  const Ridge ridge(rows, classes, {.num_classes = num_classes});
  print_stage("decomposition", begin);
  Clock start;
  std::vector<std::int64_t> right(static_cast<std::size_t>(count));
  ridge.for_each_left_out(strengths_of(count), [&](const LeftOutRows& some) {
    const torch::Tensor index = torch::tensor(torch::ArrayRef(some.positions.data(), some.positions.size()));
    right[some.strength] += (some.outputs.argmax(1) == classes.index_select(0, index)).sum().item<std::int64_t>();
  });
  print_stage(fmt::format("left out, {} strengths", count), start);
  start = Clock();
  ridge.solve(1);
  print_stage("solution", start);
  const auto best = static_cast<double>(*std::max_element(right.begin(), right.end()));
  print_stage(fmt::format("all, error {:.3f}", 1 - best / static_cast<double>(rows.images)), begin);
}

void measure_size(const Shape& shape, int count, const std::string& path) {
  fmt::print("{} images, {} features, {} classes, {}, {} threads; peak memory so far\n", shape.images, shape.features,
             shape.classes, path.empty() ? "in memory" : "on disk", margay::available_cpus());
  const torch::Tensor classes = classes_of(shape);
  const torch::Tensor directions = torch::randn({shape.classes, shape.features}) / 2;
  const Clock start;
  if (path.empty()) {
    const torch::Tensor rows = torch::empty({shape.images, shape.features});
    for (std::int64_t at = 0; at < shape.images; at += 10'000) {
      const std::int64_t end = std::min(at + 10'000, shape.images);
      rows.slice(0, at, end).copy_(made_rows(classes.slice(0, at, end), directions));
    }
    print_stage("(rows made)", start);
    return measure(RidgeRows::of(rows), classes, shape.classes, count);
  }
  const RowsOnDisk disk(path);
  for (std::int64_t at = 0; at < shape.images; at += 10'000) {
    disk.write(made_rows(classes.slice(0, at, std::min(at + 10'000, shape.images)), directions));
  }
  print_stage("(rows written)", start);
  const auto read = [&](std::span<const std::int64_t> positions) { return disk.read(positions, shape.features); };
  measure({.images = shape.images, .features = shape.features, .read = read}, classes, shape.classes, count);
}

/// The normal equations without image `out`.
torch::Tensor refitted_output(const torch::Tensor& rows, const torch::Tensor& targets, std::int64_t out,
                              double strength) {
  const torch::Tensor others = torch::cat({torch::arange(out), torch::arange(out + 1, rows.size(0))});
  const torch::Tensor x = rows.index_select(0, others);
  const torch::Tensor y = targets.index_select(0, others);
  const torch::Tensor mean = x.mean(0);
  const torch::Tensor centred = x - mean;
  const torch::Tensor penalty = torch::eye(x.size(1), torch::kDouble) * strength;
  const torch::Tensor weight =
      torch::linalg_solve(centred.t().matmul(centred) + penalty, centred.t().matmul(y - y.mean(0)));
  return y.mean(0) + (rows[out] - mean).matmul(weight);
}

void compare_with_refits(const Shape& shape) {
  const torch::Tensor classes = classes_of(shape);
  const torch::Tensor rows = made_rows(classes, torch::randn({shape.classes, shape.features}) / 2);
  const torch::Tensor targets = torch::one_hot(classes, shape.classes).to(torch::kDouble);
  const Ridge ridge(RidgeRows::of(rows), classes, {.num_classes = shape.classes});
  fmt::print("{} images, {} features, {} classes; 200 images refitted\n", shape.images, shape.features, shape.classes);
  for (const double strength : {1e-4, 1e-2, 1.0, 100.0}) {
    const torch::Tensor left_out = ridge.left_out(strength);
    double largest = 0;
    for (std::int64_t i = 0; i < 200; ++i) {
      const std::int64_t out = i * shape.images / 200;
      const torch::Tensor expected = refitted_output(rows.to(torch::kDouble), targets, out, strength);
      largest = std::max(largest, (left_out[out] - expected).abs().max().item<double>());
    }
    fmt::print("strength {:6g}: largest difference {:.1e}\n", strength, largest);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string part = argc > 1 ? argv[1] : "";
  const auto number = [&](int i, std::int64_t otherwise) { return argc > i ? std::stoll(argv[i]) : otherwise; };
  if (part != "exact" && (part != "size" || argc < 5)) {
    fmt::print(stderr,
               "usage: probe size IMAGES FEATURES CLASSES [STRENGTHS [FILE]]\n"
               "       probe exact [IMAGES [FEATURES [CLASSES]]]\n");
    return 2;
  }
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  if (part == "exact") {
    compare_with_refits({number(2, 1522), number(3, 512), number(4, 37)});
    return 0;
  }
  measure_size({number(2, 0), number(3, 0), number(4, 0)}, static_cast<int>(number(5, 15)), argc > 6 ? argv[6] : "");
}
