// Muon against AdamW, from scratch, in the same time.
//
//   muon OUT [SECONDS [SEEDS [PER_CLASS [RATES]]]]
//
// OUT: a new folder for the sample that is drawn. For each optimizer and each of its rates (RATES: "1e-3,4e-3,…") and
// each seed, ResNet-20 on images of 64 pixels trains SECONDS seconds under one cycle; validation is counted. A row for
// each, as it comes, then a table: the mean error of the best rate with Student's 95 % interval over the seeds, and the
// mean of the paired differences.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
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
  double seconds = 60;
  std::uint64_t seeds = 3;
  int per_class = 300;
  std::vector<double> rates{1e-3, 3e-3, 1e-2};
};

struct MuonResult {
  double error;
  double epochs;
};

MuonResult train(const MuonSetting& setting, OptimizerKind kind, double rate, std::uint64_t seed) {
  margay::DataBlock block;
  block.items(margay::image_files(setting.out))
      .label(margay::folder_labels())
      .split(margay::folder_split(setting.out))
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

std::vector<double> best_of(const MuonSetting& setting, OptimizerKind kind) {
  std::vector<double> best;
  for (const double rate : setting.rates) {
    std::vector<double> errors;
    for (std::uint64_t seed = 1; seed <= setting.seeds; ++seed) {
      const MuonResult result = train(setting, kind, rate, seed);
      errors.push_back(result.error);
      fmt::print("| {} | {:g} | {} | {:.4f} | {:.0f} |\n", margay::to_text(kind), rate, seed, result.error,
                 result.epochs);
      std::fflush(stdout);
    }
    if (best.empty() || mean_of(errors) < mean_of(best)) best = errors;
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "muon OUT [SECONDS [SEEDS [PER_CLASS [RATES]]]]\n");
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
  margay::draw_sample(setting.out, {.per_class = setting.per_class});
  fmt::print("| optimizer | rate | seed | error | epochs |\n| --- | --- | --- | --- | --- |\n");
  const std::vector<double> adam = best_of(setting, OptimizerKind::kAdam);
  const std::vector<double> muon = best_of(setting, OptimizerKind::kMuon);
  std::vector<double> differences;
  for (std::size_t i = 0; i < adam.size(); ++i) differences.push_back(muon[i] - adam[i]);
  fmt::print("\n| {:g} s each, {} seeds | error |\n| --- | --- |\n| AdamW | {} |\n| Muon | {} |\n| difference | {} |\n",
             setting.seconds, setting.seeds, interval(adam), interval(muon), interval(differences));
}
