// From a folder of very many files to labelled, split items: seconds of each stage, and the largest resident memory so
// far.
//
//   million_files FOLDER [COUNT]
//
// With COUNT the folder is first filled with so many empty files in 100 sub-folders, and a table of them is written
// beside it.
#include <chrono>
#include <ctime>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"

namespace {

namespace fs = std::filesystem;
namespace data = margay::data;

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void stage(const char* name, const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t used = std::clock();
  try {
    work();
  } catch (const margay::core::DataError& error) {
    fmt::print("  {}\n", error.problem().substr(0, 120));
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const double of_processor = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
  fmt::print("{:<44} {:6.2f} s {:6.2f} s {:6.0f} MB\n", name, seconds.count(), of_processor, peak_mb());
  std::fflush(stdout);
}

void fill(const fs::path& folder, const fs::path& table, int count) {
  std::ofstream csv(table);
  csv << "name,label,is_valid\n";
  for (int i = 0; i < count; ++i) {
    const std::string place = fmt::format("class_{:02}", i % 100);
    if (i < 100) fs::create_directories(folder / place);
    const std::string name = fmt::format("{}/{}_{}.jpg", place, place, i);
    std::ofstream(folder / name).flush();
    csv << name << ',' << place << ',' << (i % 5 == 0) << '\n';
  }
}

void measure_files(const fs::path& folder) {
  data::DataBlock block;
  stage("start", [] {});
  const auto split = [&block](data::Splitter splitter) {
    return [&block, splitter] { block.split(splitter).datasets(); };
  };
  stage("list", [&] { block.items(data::image_files(folder)); });
  block.label(data::folder_labels());
  stage("label by folder, split at random", split(data::random_split()));
  stage("label by folder, split stratified", split(data::stratified_split()));
  stage("label by folder, no split", split(data::no_split()));
  block.label(data::regex_labels(R"((.+)_\d+\.jpg$)"));
  stage("label by pattern, split at random", split(data::random_split()));
  stage("a pattern that gives no label (an error)",
        [&] { block.label(data::regex_labels("(nothing)")).split(data::no_split()).datasets(); });
}

void measure_table(const fs::path& folder, const fs::path& table) {
  data::DataBlock block;
  stage("table: read, find the images", [&] {
    const data::LabelTable labels = data::LabelTable::read(table, folder);
    block.items(labels.items()).label(labels.labels()).split(labels.split());
  });
  stage("table: label and split", [&] { block.datasets(); });
  block = {};
  stage("table in a folder without them (an error)", [&] {
    const data::LabelTable labels = data::LabelTable::read(table, folder / "class_00");
    block.items(labels.items());
  });
}

/// So that the peak of one is not that of the other.
void in_a_process(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process can be made");
  if (child > 0) {
    waitpid(child, nullptr, 0);
    return;
  }
  work();
  std::fflush(stdout);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fmt::print(stderr, "usage: million_files FOLDER [COUNT]\n");
    return 2;
  }
  const fs::path folder = argv[1];
  const fs::path table = folder.string() + ".csv";
  if (argc == 3) fill(folder, table, std::stoi(argv[2]));
  in_a_process([&] { measure_files(folder); });
  in_a_process([&] { measure_table(folder, table); });
}
