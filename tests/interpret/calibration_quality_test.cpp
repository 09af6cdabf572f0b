#include "margay/interpret/calibration_quality.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "tests/interpret/drawn_predictions.h"
#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using data::Task;
using testing_support::thrown_message;

CalibrationMeasure quick_measure(std::int64_t replicates = 100, int simulations = 100) {
  CalibrationMeasure measure{.simulations = simulations};
  measure.bootstrap.replicates = replicates;
  return measure;
}

TEST(CalibrationQuality, GivesTheGoldenValues) {
  for (const auto& golden : testing_support::golden("calibration.json").at("cases")) {
    const auto [predictions, task] = golden_predictions(golden);
    const CalibrationQuality quality = calibration_quality(predictions, task, {}, quick_measure());
    const auto expect_golden = [&](const char* name, double value) {
      EXPECT_NEAR(value, golden.at(name).get<double>(), 1e-9) << name << " of " << predictions.logits.sizes();
    };
    expect_golden("nll", quality.nll.value);
    expect_golden("brier", quality.brier.value);
    expect_golden("ece", quality.ece.error.value);
    expect_golden("ece_mass", quality.ece_mass.error.value);
    expect_golden("ece_class", quality.ece_class.error.value);
    expect_golden("aurc", quality.risk_coverage.aurc.value);
  }
}

TEST(CalibrationQuality, IsThatOfTheTemperatureOfThePredictions) {
  predict::Predictions predictions = drawn_predictions(300, 5, 2, 1);
  const CalibrationQuality raw = calibration_quality(predictions, Task::kSingleLabel, {}, quick_measure());
  predictions.set_logits(predictions.logits, metric::Activation::kSoftmax, 2);
  const CalibrationQuality calibrated = calibration_quality(predictions, Task::kSingleLabel, {}, quick_measure());
  EXPECT_NEAR(
      raw.nll.value,
      metric::image_losses(predictions.logits, predictions.targets, metric::Activation::kSoftmax).mean().item<double>(),
      1e-5);
  EXPECT_NEAR(calibrated.nll.value, predictions.losses.mean().item<double>(), 1e-5);
  EXPECT_LT(calibrated.ece.error.value, raw.ece.error.value);
  EXPECT_TRUE(raw.ece.is_beyond_chance());
  EXPECT_TRUE(raw.ece_mass.is_beyond_chance());
  EXPECT_TRUE(raw.ece_class.is_beyond_chance());
  EXPECT_FALSE(calibrated.ece.is_beyond_chance());
  EXPECT_FALSE(calibrated.ece_class.is_beyond_chance());
}

/// How far an error of perfectly calibrated predictions is from what perfect calibration explains, in its deviations:
/// over many draws near 0 on average.
TEST(CalibrationError, OfPerfectCalibrationIsWhatTheSimulationSays) {
  double excess = 0;
  double class_excess = 0;
  int beyond = 0;
  constexpr int kDraws = 40;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const CalibrationQuality quality =
        calibration_quality(drawn_predictions(200, 3, 1, seed), Task::kSingleLabel, {}, quick_measure());
    excess += quality.ece.excess() / kDraws;
    class_excess += quality.ece_class.excess() / kDraws;
    beyond += quality.ece.is_beyond_chance() ? 1 : 0;
    EXPECT_LT(quality.ece.perfect_range.low, quality.ece.perfect);
    EXPECT_GT(quality.ece.perfect_range.high, quality.ece.perfect);
  }
  EXPECT_NEAR(excess, 0, 0.008);  // errors are about .06, with a deviation of .015: three standard errors
  EXPECT_NEAR(class_excess, 0, 0.008);
  EXPECT_LE(beyond, 5);  // one of expected; P(more than 5) is 4e-4
}

TEST(CalibrationError, OfSeveralLabelsIsSimulatedForEachLabel) {
  double excess = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    excess += calibration_quality(drawn_label_predictions(150, 4, 1, seed), Task::kMultiLabel, {}, quick_measure())
                  .ece.excess() /
              20;
  }
  EXPECT_NEAR(excess, 0, 0.006);
  EXPECT_TRUE(calibration_quality(drawn_label_predictions(150, 4, 3, 1), Task::kMultiLabel, {}, quick_measure())
                  .ece.is_beyond_chance());
}

/// Of the means over many sets of this size.
TEST(CalibrationQuality, HasIntervalsThatCoverTheTruth) {
  constexpr int kDraws = 80;
  std::vector<CalibrationQuality> drawn;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    drawn.push_back(
        calibration_quality(drawn_predictions(200, 3, 2, seed), Task::kSingleLabel, {}, quick_measure(100, 20)));
  }
  const auto covering = [&](const auto& estimate_of) {
    double mean = 0;
    for (const CalibrationQuality& quality : drawn) mean += estimate_of(quality).value / kDraws;
    return std::count_if(drawn.begin(), drawn.end(), [&](const CalibrationQuality& quality) {
      const metric::Interval interval = estimate_of(quality).interval;
      return interval.low <= mean && mean <= interval.high;
    });
  };
  constexpr int kAtLeast = 69;  // of 76 expected; P(fewer) is below .001
  EXPECT_GE(covering([](const auto& quality) { return quality.nll; }), kAtLeast);
  EXPECT_GE(covering([](const auto& quality) { return quality.brier; }), kAtLeast);
  EXPECT_GE(covering([](const auto& quality) { return quality.risk_coverage.aurc; }), kAtLeast);
  EXPECT_GE(covering([](const auto& quality) { return quality.ece.error; }), kAtLeast);
  EXPECT_GE(covering([](const auto& quality) { return quality.ece_class.error; }), kAtLeast);
}

TEST(CalibrationQuality, IsLessSureWhereImagesComeInGroups) {
  predict::Predictions predictions = drawn_predictions(100, 3, 2, 5);
  predict::Predictions copies;
  copies.targets = predictions.targets.repeat({6});
  copies.set_logits(predictions.logits.repeat({6, 1}), metric::Activation::kSoftmax);
  const torch::Tensor groups = torch::arange(100).repeat({6});
  const auto width_of = [](const metric::Estimate& estimate) { return estimate.interval.high - estimate.interval.low; };
  const CalibrationQuality alone = calibration_quality(copies, Task::kSingleLabel, {}, quick_measure());
  const CalibrationQuality grouped = calibration_quality(copies, Task::kSingleLabel, groups, quick_measure());
  EXPECT_NEAR(grouped.nll.value, alone.nll.value, 1e-12);
  EXPECT_GT(width_of(grouped.nll), 2 * width_of(alone.nll));
  EXPECT_GT(width_of(grouped.ece.error), 2 * width_of(alone.ece.error));
  EXPECT_GT(grouped.ece.perfect, 2 * alone.ece.perfect);
}

TEST(CalibrationQuality, DoesNotDependOnThreads) {
  const predict::Predictions predictions = drawn_predictions(3'000, 4, 1, 9);  // in several parts
  const auto numbers = [&] {
    return to_json(calibration_quality(predictions, Task::kSingleLabel, {}, quick_measure())).dump();
  };
  const std::string usual = numbers();
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  EXPECT_EQ(numbers(), usual);
  at::set_num_threads(threads);
}

TEST(CalibrationQuality, CountsEveryCaseInOneBin) {
  const CalibrationQuality quality =
      calibration_quality(drawn_predictions(50, 3, 1, 2), Task::kSingleLabel, {}, quick_measure());
  ASSERT_EQ(quality.bins.size(), 15U);
  std::int64_t images = 0;
  for (const ReliabilityBin& bin : quality.bins) {
    images += bin.count;
    if (bin.count == 0) continue;
    EXPECT_GT(bin.confidence, bin.low);
    EXPECT_LE(bin.confidence, bin.high);
    EXPECT_LE(bin.interval.low, bin.accuracy);
    EXPECT_GE(bin.interval.high, bin.accuracy);
  }
  EXPECT_EQ(images, 50);
}

TEST(CalibrationQuality, TakesTheSmallestAndTheOneSidedSets) {
  const auto is_finite = [](const predict::Predictions& predictions) {
    const CalibrationQuality quality = calibration_quality(predictions, Task::kSingleLabel, {}, quick_measure());
    return std::isfinite(quality.nll.value) && std::isfinite(quality.ece.error.value) &&
           std::isfinite(quality.ece.perfect) && std::isfinite(quality.risk_coverage.aurc.value);
  };
  EXPECT_TRUE(is_finite(drawn_predictions(2, 3, 1, 1)));
  EXPECT_TRUE(is_finite(drawn_predictions(1, 3, 1, 1)));
  EXPECT_TRUE(is_finite(drawn_predictions(9, 1, 1, 1)));  // one class
  predict::Predictions right = drawn_predictions(9, 3, 1, 1);
  right.targets = right.logits.argmax(1);
  right.set_logits(100 * right.logits, metric::Activation::kSoftmax);
  EXPECT_TRUE(is_finite(right));
  right.targets = right.logits.argmin(1);
  EXPECT_TRUE(is_finite(right));
}

TEST(CalibrationQuality, WritesWhatIsNotKnownAsNull) {
  const auto json =
      to_json(calibration_quality(drawn_predictions(1, 3, 1, 1), Task::kSingleLabel, {}, quick_measure()));
  EXPECT_TRUE(json["nll"]["low"].is_null());
  EXPECT_TRUE(json["bins"][0]["accuracy"].is_null());
  EXPECT_EQ(json["risk_coverage"]["coverage"].size(), 1U);
}

TEST(CalibrationQuality, RefusesWhatCannotBeJudged) {
  predict::Predictions predictions = drawn_predictions(6, 3, 1, 1);
  const auto refusal = [&] {
    return thrown_message<std::invalid_argument>(
        [&] { calibration_quality(predictions, Task::kSingleLabel, {}, quick_measure()); });
  };
  predictions.logits[4][0] = std::nan("");
  EXPECT_NE(refusal().find("row 4 are not finite"), std::string::npos);
  predictions = drawn_predictions(6, 3, 1, 1);
  predictions.targets[0] = 3;
  EXPECT_NE(refusal().find("classes 0 … 2"), std::string::npos);
  predictions.targets = torch::Tensor();
  EXPECT_NE(refusal().find("no labels"), std::string::npos);
  predictions = drawn_predictions(6, 3, 1, 1);
  EXPECT_THROW(calibration_quality(predictions, Task::kSingleLabel, torch::zeros({5}, torch::kLong), quick_measure()),
               std::invalid_argument);
  EXPECT_THROW(calibration_quality(predictions, Task::kSingleLabel, {}, {.bins = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
