// What a journal of many decisions costs: reading it, as every review begins, and one decision more, on the disk.
//   build/dev/benchmarks/journal [DECISIONS] [FOLDER]     100,000 by default, in the system's folder for temporary
//   files

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/timing.h"
#include "margay/data/edits/journal.h"

namespace {

using benchmarks::median;
using benchmarks::seconds_of;

namespace fs = std::filesystem;
using margay::data::Decision;
using margay::data::DecisionKind;
using margay::data::Journal;

Decision decision(int i) {
  return {.kind = i % 3 == 0 ? DecisionKind::kRelabel : DecisionKind::kKeep,
          .image = fmt::format("train/class_{}/image_{:06}.jpg", i % 100, i),
          .content = {.sha256 = fmt::format("{:064x}", i), .bytes = 12'345, .modified_ns = 1'700'000'000'000'000'000},
          .before = {fmt::format("class_{}", i % 100)},
          .after = {fmt::format("class_{}", i % 3 == 0 ? 100 : i % 100)},
          .part = "train",
          .finding = "label_issue",
          .evidence = "p(class_7) = 0.98",
          .who = "ann",
          .time = "2026-03-01T12:00:00.123Z"};
}

/// Written at once as if by hand, which accept_edited() takes: an append for each would wait for the disk each time.
void write_journal(const fs::path& file, int decisions) {
  Journal::open(file, {.images = static_cast<std::size_t>(decisions), .marks = {1, 2, 3}});
  {
    std::ofstream lines(file, std::ios::app);
    for (int i = 0; i < decisions; ++i) lines << to_line(decision(i)) << '\n';
  }
  Journal::accept_edited(file);
}

}  // namespace

int main(int argc, char** argv) {
  const int decisions = argc > 1 ? std::atoi(argv[1]) : 100'000;
  const fs::path place = argc > 2 ? fs::path(argv[2]) : fs::temp_directory_path();
  const fs::path folder =
      place / fmt::format("margay-journal-{}", std::chrono::steady_clock::now().time_since_epoch().count());
  const fs::path file = folder / "decisions.jsonl";
  write_journal(file, decisions);
  std::vector<double> reads;
  for (int i = 0; i < 5; ++i) reads.push_back(seconds_of([&] { (void)Journal::read(file); }));
  Journal journal = Journal::open(file, {});
  std::vector<double> appends;
  for (int i = 0; i < 100; ++i) appends.push_back(seconds_of([&] { journal.append(decision(decisions + i)); }));
  fmt::print("{} decisions, {} bytes\nread: {:.3f} s (median of {})\nappend: {:.2f} ms (median of {})\n", decisions,
             fs::file_size(file), median(reads), reads.size(), 1e3 * median(appends), appends.size());
  fs::remove_all(folder);
  return 0;
}
