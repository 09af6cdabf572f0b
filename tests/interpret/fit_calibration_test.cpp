#include "margay/interpret/fit_calibration.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/metric/temperature.h"
#include "tests/interpret/drawn_predictions.h"
#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using data::Task;
using testing_support::thrown_message;

TEST(FitCalibration, GivesTheTemperaturesOfTheGoldenValues) {
  for (const auto& golden : testing_support::golden("calibration.json").at("cases")) {
    const auto [predictions, task] = golden_predictions(golden);
    const CalibrationFit fit = fit_calibration(predictions, task);
    EXPECT_NEAR(fit.calibration.temperature / golden.at("temperature").get<double>(), 1, 1e-6);
    EXPECT_EQ(fit.calibration.source, predict::CalibrationSource::kHeldOut);
    EXPECT_EQ(fit.calibration.images, predictions.logits.size(0));
    EXPECT_EQ(fit.calibration.groups, fit.calibration.images);
    EXPECT_LT(fit.temperature_interval.low, fit.calibration.temperature);
    EXPECT_GT(fit.temperature_interval.high, fit.calibration.temperature);
  }
}

TEST(FitCalibration, BeginsWithTheLogitsWhateverTemperatureThePredictionsHave) {
  predict::Predictions predictions = drawn_predictions(200, 5, 2, 1);
  const double fitted = fit_calibration(predictions, Task::kSingleLabel).calibration.temperature;
  predictions.set_logits(predictions.logits, metric::Activation::kSoftmax, 7);
  EXPECT_EQ(fit_calibration(predictions, Task::kSingleLabel).calibration.temperature, fitted);
}

TEST(FitCalibration, CountsGroups) {
  const predict::Predictions predictions = drawn_predictions(200, 5, 2, 1);
  const CalibrationFit grouped = fit_calibration(predictions, Task::kSingleLabel, torch::arange(200).div(10, "floor"));
  EXPECT_EQ(grouped.calibration.groups, 20);
  EXPECT_EQ(grouped.calibration.images, 200);
}

TEST(FitCalibration, RefusesImagesWithoutLabelsAndNone) {
  predict::Predictions predictions = drawn_predictions(5, 3, 1, 1);
  predictions.targets = torch::Tensor();
  const auto refusal = [&] {
    return thrown_message<std::invalid_argument>([&] { fit_calibration(predictions, Task::kSingleLabel); });
  };
  EXPECT_NE(refusal().find("no labels"), std::string::npos);
  predictions = drawn_predictions(5, 3, 1, 1);
  predictions.logits = predictions.logits.slice(0, 0, 0);
  EXPECT_NE(refusal().find("no images"), std::string::npos);
}

TEST(CrossFitCalibration, FitsEachFoldToTheOthersAlone) {
  const predict::Predictions predictions = drawn_predictions(40, 4, 2, 3);
  const CrossFittedTemperatures crossed = cross_fit_calibration(predictions, Task::kSingleLabel);
  ASSERT_EQ(crossed.folds.size(), 5U);
  for (const double temperature : crossed.folds) {
    const torch::Tensor others = (crossed.of_image != temperature).nonzero().squeeze(1);
    EXPECT_EQ(others.size(0), 32);
    predict::Predictions part;
    part.logits = predictions.logits.index_select(0, others);
    part.targets = predictions.targets.index_select(0, others);
    EXPECT_NEAR(fit_calibration(part, Task::kSingleLabel).calibration.temperature / temperature, 1, 1e-7);
  }
}

TEST(CrossFitCalibration, KeepsGroupsWhole) {
  const predict::Predictions predictions = drawn_predictions(40, 4, 2, 3);
  const torch::Tensor groups = torch::arange(40).remainder(8);
  const torch::Tensor temperatures = cross_fit_calibration(predictions, Task::kSingleLabel, groups).of_image;
  EXPECT_TRUE(temperatures.slice(0, 0, 8).repeat({5}).equal(temperatures));
}

TEST(CrossFitCalibration, TakesTwoImagesAndRefusesOne) {
  EXPECT_EQ(cross_fit_calibration(drawn_predictions(2, 3, 1, 1), Task::kSingleLabel).folds.size(), 2U);
  EXPECT_NE(thrown_message<std::invalid_argument>([] {
              cross_fit_calibration(drawn_predictions(1, 3, 1, 1), Task::kSingleLabel);
            }).find("cannot both fit"),
            std::string::npos);
  EXPECT_THROW(
      cross_fit_calibration(drawn_predictions(6, 3, 1, 1), Task::kSingleLabel, torch::zeros({6}, torch::kLong)),
      std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
