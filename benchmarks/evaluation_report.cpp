// A report of made-up predictions, as many as asked for: seconds of each part, and the peak of memory.
//
//     build/dev/benchmarks/evaluation_report OUT [IMAGES [CLASSES]]

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <sys/resource.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/run/evaluation_report.h"

namespace {

namespace fs = std::filesystem;

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void measure(const char* what, const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("{:<32} {:7.2f} s   peak {:5.0f} MB\n", what, seconds, peak_megabytes());
}

/// About three of four are right; errors go to the ten classes that follow.
margay::predict::KeptPredictions made(std::int64_t images, std::int64_t classes) {
  torch::manual_seed(1);
  margay::predict::KeptPredictions kept;
  kept.rows.logits = torch::randn({images, classes});
  kept.rows.targets = torch::randint(classes, {images}, torch::kLong);
  const torch::Tensor strength = 6 * torch::rand({images, 1}) + 1;
  kept.rows.logits.scatter_add_(1, kept.rows.targets.unsqueeze(1), strength);
  const torch::Tensor near = (kept.rows.targets + torch::randint(1, 11, {images}, torch::kLong)).remainder(classes);
  kept.rows.logits.scatter_add_(1, near.unsqueeze(1), 4 * torch::rand({images, 1}) + 1);
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < classes; ++k) names.push_back(fmt::format("class {}", k));
  kept.vocabulary = margay::data::Vocabulary(names);
  for (std::int64_t i = 0; i < images; ++i) {
    kept.rows.ids.push_back(static_cast<std::size_t>(i));
    kept.names.add(fmt::format("images/{:06}.jpg", i));
  }
  return kept;
}

void run(const fs::path& out, std::int64_t images, std::int64_t classes) {
  using margay::run::Evaluation;
  fmt::print("{} images, {} classes\n", images, classes);
  measure("predictions are made and kept", [&] { save_predictions(out / "kept", made(images, classes)); });
  margay::predict::KeptPredictions kept;
  measure("kept predictions are read", [&] { kept = margay::predict::load_predictions(out / "kept"); });
  std::unique_ptr<Evaluation> evaluation;
  measure("numbers", [&] { evaluation = std::make_unique<Evaluation>(std::move(kept)); });
  margay::run::Observer observer;
  margay::run::ReportFolder folder(out / "report", margay::run::ExistingReport::kRefuse);
  measure("files of the report", [&] { write_evaluation_report(*evaluation, folder, observer); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "evaluation_report OUT [IMAGES [CLASSES]]\n");
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::atoll(argv[2]) : 100'000, argc > 3 ? std::atoll(argv[3]) : 1'000);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
