// Muon against AdamW, from scratch, in the same time.
//
//   muon OUT [SECONDS [SEEDS [PER_CLASS [RATES [MINUTES]]]]]
//
// OUT: a folder for the sample, which is drawn where it is missing, and for rows.txt. For each seed and rate (RATES:
// "1e-3,3e-3,…") both optimizers, one after the other, train ResNet-20 on images of 64 pixels for SECONDS (45) seconds
// under one cycle; validation is counted. Trainings that have their row are not made again, and none is begun after
// MINUTES (5), so that a measurement can have several parts. When all are there, a table: for each optimizer the mean
// error of the rate that is best over the seeds, with Student's 95 % interval, and the mean of the paired differences.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/data/sample/sample.h"
#include "margay/margay.h"
#include "margay/train/schedule/schedule.h"

namespace {

namespace fs = std::filesystem;
using margay::OptimizerKind;

struct MuonSetting {
  fs::path out;
  double seconds = 45;
  std::uint64_t seeds = 3;
  int per_class = 300;
  std::vector<double> rates{1e-3, 3e-3, 1e-2};
  double minutes = 5;

  fs::path sample() const { return out / "sample"; }
  fs::path rows() const { return out / "rows.txt"; }
};

struct MuonResult {
  double error;
  double epochs;
};

MuonResult train(const MuonSetting& setting, OptimizerKind kind, double rate, std::uint64_t seed) {
  margay::DataBlock block;
  block.items(margay::image_files(setting.sample()))
      .label(margay::folder_labels())
      .split(margay::folder_split(setting.sample()))
      .item_transform(margay::resize({.size = 80}))
      .batch_transform(margay::augment({.size = 64}));
  margay::LoaderOptions loading{.seed = seed};
  loading.cache = margay::CacheKind::kRam;
  margay::Learner learner = margay::vision_learner(block.loaders(loading), "resnet20",
                                                   {.seed = seed, .learner = {.optimizer = {.kind = kind}}});
  learner.unfreeze();
  learner.fit(
      {.stage = "fit", .schedule = margay::train::one_cycle(std::vector<double>(3, rate)), .seconds = setting.seconds});
  const margay::EpochRecord& last = learner.history().back();
  return {last.metrics.at(0), static_cast<double>(learner.history().size())};
}

/// Student's 97.5 % quantile for few degrees of freedom.
double student(std::size_t freedom) {
  constexpr double kQuantiles[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  return kQuantiles[std::min<std::size_t>(std::max<std::size_t>(freedom, 1), 9) - 1];
}

std::string interval(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  for (const double each : values) mean += each / n;
  double squares = 0;
  for (const double each : values) squares += (each - mean) * (each - mean);
  if (values.size() < 2) return fmt::format("{:.4f}", mean);
  return fmt::format("{:.4f} ± {:.4f}", mean, student(values.size() - 1) * std::sqrt(squares / (n - 1) / n));
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double each : values) sum += each;
  return sum / static_cast<double>(values.size());
}

/// What a row is of: "muon 0.003 1".
std::string key_of(const MuonSetting& setting, OptimizerKind kind, double rate, std::uint64_t seed) {
  return fmt::format("{} {:g} {} {:g} {}", margay::to_text(kind), rate, seed, setting.seconds, setting.per_class);
}

/// Errors by key.
std::map<std::string, double> read_rows(const fs::path& file) {
  std::map<std::string, double> rows;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) rows[line.substr(0, colon)] = std::stod(line.substr(colon + 2));
  }
  return rows;
}

constexpr std::array kKinds = {OptimizerKind::kAdam, OptimizerKind::kMuon};

/// Whether all are made.
bool make_rows(const MuonSetting& setting) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = 1; seed <= setting.seeds; ++seed) {
    for (const double rate : setting.rates) {
      for (const OptimizerKind kind : kKinds) {
        const std::string key = key_of(setting, kind, rate, seed);
        if (read_rows(setting.rows()).contains(key)) continue;
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
        if (taken.count() > 60 * setting.minutes) return false;
        const MuonResult result = train(setting, kind, rate, seed);
        std::ofstream(setting.rows(), std::ios::app) << fmt::format("{}: {:.6f}\n", key, result.error);
        fmt::print("{}: {:.4f} after {:.0f} epochs\n", key, result.error, result.epochs);
        std::fflush(stdout);
      }
    }
  }
  return true;
}

/// The errors of the best rate, and a row for each rate.
std::vector<double> best_of(const MuonSetting& setting, OptimizerKind kind) {
  const std::map<std::string, double> rows = read_rows(setting.rows());
  std::vector<double> best;
  for (const double rate : setting.rates) {
    std::vector<double> errors;
    for (std::uint64_t seed = 1; seed <= setting.seeds; ++seed) {
      errors.push_back(rows.at(key_of(setting, kind, rate, seed)));
    }
    fmt::print("| {} | {:g} | {} |\n", kind == OptimizerKind::kMuon ? "Muon" : "AdamW", rate, interval(errors));
    if (best.empty() || mean_of(errors) < mean_of(best)) best = errors;
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "muon OUT [SECONDS [SEEDS [PER_CLASS [RATES [MINUTES]]]]]\n");
    return 2;
  }
  margay::keep_cpu_memory();
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  MuonSetting setting{.out = argv[1]};
  if (argc > 2) setting.seconds = std::stod(argv[2]);
  if (argc > 3) setting.seeds = std::stoull(argv[3]);
  if (argc > 4) setting.per_class = std::stoi(argv[4]);
  if (argc > 5) {
    setting.rates.clear();
    std::istringstream rates(argv[5]);
    for (std::string each; std::getline(rates, each, ',');) setting.rates.push_back(std::stod(each));
  }
  if (argc > 6) setting.minutes = std::stod(argv[6]);
  fs::create_directories(setting.out);
  if (!fs::exists(setting.sample())) margay::draw_sample(setting.sample(), {.per_class = setting.per_class});
  if (!make_rows(setting)) {
    fmt::print("not all are made: run it again\n");
    return 0;
  }
  fmt::print("\n| {:g} s each, {} seeds, {} images a class | rate | error |\n| --- | --- | --- |\n", setting.seconds,
             setting.seeds, setting.per_class);
  const std::vector<double> adam = best_of(setting, OptimizerKind::kAdam);
  const std::vector<double> muon = best_of(setting, OptimizerKind::kMuon);
  std::vector<double> differences;
  for (std::size_t i = 0; i < adam.size(); ++i) differences.push_back(muon[i] - adam[i]);
  fmt::print("| Muon - AdamW, each at its best | | {} |\n", interval(differences));
}
