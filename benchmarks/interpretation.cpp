// How long does interpreting predictions take, and how much memory? Predictions of a made-up classifier are judged with
// every number and interval that a report has.
//
//   interpretation [IMAGES [CLASSES [one|several [FOLDER]]]]
//
// FOLDER: also writes the predictions there and reads them again; interpretation_sklearn.py FOLDER then computes the
// same numbers, without intervals, with scikit-learn.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/interpret/class_order.h"
#include "margay/interpret/interpretation.h"
#include "margay/predict/prediction_file.h"

namespace {

using margay::predict::KeptPredictions;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The highest of the process so far.
double peak_mb() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void print_stage(const char* stage, double since) {
  fmt::print("{:<22} {:7.2f} s   peak {:6.0f} MB\n", stage, now_s() - since, peak_mb());
  std::fflush(stdout);
}

/// Right about three times in four; classes are confused the more the nearer their numbers.
KeptPredictions made_up(std::int64_t images, std::int64_t classes, bool is_multi) {
  torch::manual_seed(1);
  KeptPredictions kept;
  kept.rows.logits = torch::empty({images, classes});
  kept.rows.logits.normal_();
  const torch::Tensor labels = torch::randint(classes, {images}, torch::kLong);
  const torch::Tensor wrong = torch::rand({images}) < 0.25;
  const torch::Tensor taken_for =
      torch::where(wrong, (labels + torch::randint(1, 5, {images}, torch::kLong)) % classes, labels);
  kept.rows.logits.scatter_add_(1, taken_for.unsqueeze(1), torch::full({images, 1}, 6.0));
  kept.rows.targets = labels;
  if (is_multi) {
    kept.task = margay::data::Task::kMultiLabel;
    kept.rows.logits -= 3;
    kept.rows.targets = torch::zeros({images, classes}).scatter_(1, labels.unsqueeze(1), 1.0);
  }
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < classes; ++k) names.push_back(fmt::format("class {:05}", k));
  kept.vocabulary = margay::data::Vocabulary(names);
  for (std::int64_t i = 0; i < images; ++i) {
    kept.rows.ids.push_back(static_cast<std::size_t>(i));
    kept.names.add(fmt::format("images/{:07}.jpg", i));
  }
  return kept;
}

void measure_file(const KeptPredictions& kept, const std::filesystem::path& folder) {
  double start = now_s();
  margay::predict::save_predictions(folder, kept);
  print_stage("save_predictions", start);
}

/// The hardest case for the order: every class is confused with every other.
void measure_order(std::int64_t classes) {
  std::vector<margay::interpret::ClassLink> links;
  margay::core::Random random{1};
  for (std::int32_t a = 0; a < classes; ++a) {
    for (std::int32_t b = a + 1; b < classes; ++b) links.push_back({a, b, random.uniform()});
  }
  const double start = now_s();
  margay::interpret::cluster_order(links, classes);
  print_stage("cluster_order, dense", start);
}

void measure(const KeptPredictions& kept) {
  double start = now_s();
  const double begin = start;
  const margay::interpret::Interpretation interp(kept);
  print_stage("Interpretation", start);
  start = now_s();
  const auto order = interp.class_order(margay::interpret::ClassOrder::kCluster);
  print_stage("class_order", start);
  start = now_s();
  const std::string json = interp.json().dump();
  print_stage("json", start);
  print_stage("all of it", begin);
  fmt::print("{} classes ordered, {} bytes of JSON, {} {:.4f}\n", order.size(), json.size(), interp.summary()[0].name,
             interp.summary()[0].estimate.value);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t images = argc > 1 ? std::atoll(argv[1]) : 100'000;
  const std::int64_t classes = argc > 2 ? std::atoll(argv[2]) : 1'000;
  const bool is_multi = argc > 3 && std::string(argv[3]) == "several";
  fmt::print("{} images x {} classes, {}, {} threads; the logits take {:.0f} MB\n", images, classes,
             is_multi ? "several labels" : "one label", at::get_num_threads(),
             static_cast<double>(images * classes) * 4 / 1e6);
  double start = now_s();
  KeptPredictions kept = made_up(images, classes, is_multi);
  print_stage("(making predictions)", start);
  if (argc > 4) {
    measure_file(kept, argv[4]);
    kept = KeptPredictions();
    start = now_s();
    kept = margay::predict::load_predictions(argv[4]);
    print_stage("load_predictions", start);
  }
  measure(kept);
  measure_order(std::min<std::int64_t>(classes, 1'000));
}
