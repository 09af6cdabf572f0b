// What is a fitted temperature worth on images that did not fit it, and what does it cost?
//
//   calibration resplits PREDICTIONS [SPLITS]   kept predictions (margay evaluate --predictions): half of the images,
//                                               drawn anew each time, fit the temperature, the others judge it
//   calibration speed                           the fit, the report, and the share of a prediction's time
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/interpret/calibration_report.h"
#include "margay/metric/temperature.h"
#include "margay/predict/prediction_file.h"

namespace {

namespace interpret = margay::interpret;
namespace metric = margay::metric;
namespace predict = margay::predict;

/// Of the wall clock, and of the processor: all threads together, whatever else runs.
struct Seconds {
  double wall = 0;
  double processor = 0;
};

Seconds seconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t used = std::clock();
  work();
  return {.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          .processor = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC};
}

predict::Predictions rows_of(const predict::Predictions& all, const torch::Tensor& index) {
  predict::Predictions rows;
  rows.logits = all.logits.index_select(0, index);
  rows.targets = all.targets.index_select(0, index);
  return rows;
}

/// One resplit.
struct Resplit {
  double temperature = 1;
  double excess_before = 0;
  double excess_after = 0;
  bool is_within_chance = false;
  double nll_before = 0;
  double nll_after = 0;
  double nll_best = 0;  ///< at the temperature that is best on the judging images
};

Resplit resplit(const predict::KeptPredictions& kept, std::uint64_t seed) {
  const auto images = static_cast<std::size_t>(kept.size());
  std::vector<std::int64_t> order;
  for (const std::size_t i : margay::core::permutation(images, margay::core::Random({seed}))) {
    order.push_back(static_cast<std::int64_t>(i));
  }
  const torch::Tensor index = torch::tensor(order);
  const std::int64_t half = kept.size() / 2;
  const predict::Predictions fits = rows_of(kept.rows, index.slice(0, 0, half));
  const predict::Predictions judges = rows_of(kept.rows, index.slice(0, half));
  interpret::CalibrationMeasure measure{.simulations = 1000};
  measure.bootstrap.replicates = 100;
  const auto quality_at = [&](double temperature) {
    return interpret::calibration_quality_at(torch::tensor({temperature}, torch::kDouble), judges, kept.task, {},
                                             measure);
  };
  const double temperature = interpret::fit_calibration(fits, kept.task).calibration.temperature;
  const double best = metric::fit_temperature(
                          {.logits = judges.logits, .targets = judges.targets, .observations = 1e15}, kept.activation())
                          .temperature();
  const interpret::CalibrationQuality before = quality_at(1);
  const interpret::CalibrationQuality after = quality_at(temperature);
  return {.temperature = temperature,
          .excess_before = before.ece.excess(),
          .excess_after = after.ece.excess(),
          .is_within_chance = !after.ece.is_beyond_chance(),
          .nll_before = before.nll.value,
          .nll_after = after.nll.value,
          .nll_best = quality_at(best).nll.value};
}

void print_resplits(const std::string& folder, int splits) {
  const predict::KeptPredictions kept = predict::load_predictions(folder);
  fmt::print("{}: {} images, {} classes, {} resplits\n", folder, kept.size(), kept.num_classes(), splits);
  std::vector<Resplit> all;
  for (int i = 0; i < splits; ++i) all.push_back(resplit(kept, static_cast<std::uint64_t>(i)));
  const auto mean = [&](double Resplit::*field) {
    double sum = 0;
    for (const Resplit& each : all) sum += each.*field;
    return sum / static_cast<double>(all.size());
  };
  const auto worst = std::max_element(all.begin(), all.end(), [](const Resplit& a, const Resplit& b) {
    return a.nll_after - a.nll_best < b.nll_after - b.nll_best;
  });
  const auto within = std::count_if(all.begin(), all.end(), [](const Resplit& each) { return each.is_within_chance; });
  fmt::print("  temperature                        {:.3f}\n", mean(&Resplit::temperature));
  fmt::print("  ECE less that of perfect, before   {:.4f}\n", mean(&Resplit::excess_before));
  fmt::print("  ECE less that of perfect, after    {:.4f} ({} of {} within chance)\n", mean(&Resplit::excess_after),
             within, splits);
  fmt::print("  NLL before, after, best            {:.4f} {:.4f} {:.4f}\n", mean(&Resplit::nll_before),
             mean(&Resplit::nll_after), mean(&Resplit::nll_best));
  fmt::print("  NLL after less the best, worst     {:.4f}\n", worst->nll_after - worst->nll_best);
}

predict::Predictions made_up(std::int64_t images, std::int64_t classes) {
  predict::Predictions predictions;
  predictions.logits = torch::randn({images, classes});
  predictions.targets = torch::randint(classes, {images}, torch::kLong);
  predictions.logits.scatter_add_(1, predictions.targets.unsqueeze(1), torch::full({images, 1}, 4.0));
  return predictions;
}

void print_seconds(const std::string& what, const Seconds& seconds) {
  fmt::print("{}: {:.3f} s, {:.3f} s of the processor\n", what, seconds.wall, seconds.processor);
  std::fflush(stdout);
}

void print_speed() {
  const predict::Predictions usual = made_up(10'000, 100);
  Seconds fastest{.wall = 1e9, .processor = 1e9};
  for (int i = 0; i < 10; ++i) {
    const Seconds once = seconds_of([&] { interpret::fit_calibration(usual, margay::data::Task::kSingleLabel); });
    fastest = {.wall = std::min(fastest.wall, once.wall), .processor = std::min(fastest.processor, once.processor)};
  }
  print_seconds("fit to 10,000 x 100, the fastest of 10", fastest);
  const predict::Predictions large = made_up(100'000, 1000);
  print_seconds("fit to 100,000 x 1,000",
                seconds_of([&] { interpret::fit_calibration(large, margay::data::Task::kSingleLabel); }));
  print_seconds("report of 100,000 x 1,000",
                seconds_of([&] { interpret::calibration_report(large, margay::data::Task::kSingleLabel); }));
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  fmt::print("  {} MB at most, the logits' 400 among them\n", used.ru_maxrss / 1024);
  const predict::Calibration calibration{.temperature = 1.5};
  const torch::Tensor batch = torch::randn({64, 1000});
  constexpr int kRounds = 2000;
  const Seconds scaling = seconds_of([&] {
    for (int i = 0; i < kRounds; ++i) calibration.scaled(batch);
  });
  fmt::print("dividing the logits of an image of 1,000 classes: {:.2f} us\n", 1e6 * scaling.wall / kRounds / 64);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 2 && arguments[0] == "resplits") {
    print_resplits(arguments[1], arguments.size() > 2 ? std::atoi(arguments[2].c_str()) : 20);
  } else if (arguments.size() == 1 && arguments[0] == "speed") {
    print_speed();
  } else {
    fmt::print(stderr, "calibration resplits PREDICTIONS [SPLITS], or calibration speed\n");
    return 2;
  }
  return 0;
}
