#include "margay/interpret/calibration_report.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/chart/line_chart.h"
#include "margay/interpret/calibration_charts.h"
#include "tests/interpret/drawn_predictions.h"

namespace margay::interpret {
namespace {

using data::Task;

CalibrationReport quick_report(const predict::Predictions& predictions, Task task, const torch::Tensor& groups = {}) {
  CalibrationMeasure measure{.simulations = 100};
  measure.bootstrap.replicates = 100;
  return calibration_report(predictions, task, groups, measure);
}

TEST(CalibrationReport, TellsWhatTheTemperatureIsWorthOnImagesThatDidNotFitIt) {
  const predict::Predictions predictions = drawn_predictions(500, 5, 2.5, 4);
  const CalibrationReport report = quick_report(predictions, Task::kSingleLabel);
  EXPECT_GT(report.calibration.temperature, report.temperature_interval.low);
  EXPECT_LT(report.temperature_interval.low, 2.5);
  EXPECT_GT(report.temperature_interval.high, 2.5);
  EXPECT_EQ(report.fold_temperatures.size(), 5U);
  EXPECT_LT(report.after.nll.value, report.before.nll.value);
  EXPECT_LT(report.after.brier.value, report.before.brier.value);
  EXPECT_TRUE(report.before.ece.is_beyond_chance());
  EXPECT_LT(report.after.ece.excess(), report.before.ece.excess() / 3);
  EXPECT_NEAR(report.after.risk_coverage.risk.back(), report.before.risk_coverage.risk.back(), 1e-12);  // top-1
  // Cross-fitted: never better than the temperature that was fitted to the very images.
  const double best = calibration_quality_at(torch::tensor({report.calibration.temperature}, torch::kDouble),
                                             predictions, Task::kSingleLabel, {}, {.simulations = 20})
                          .nll.value;
  EXPECT_GE(report.after.nll.value, best);
  EXPECT_LT(report.after.nll.value, best + 0.005);
}

TEST(CalibrationReport, IsOfSeveralLabelsToo) {
  const CalibrationReport report = quick_report(drawn_label_predictions(300, 4, 2, 4), Task::kMultiLabel);
  EXPECT_LT(report.temperature_interval.low, 2);
  EXPECT_GT(report.temperature_interval.high, 2);
  EXPECT_LT(report.after.nll.value, report.before.nll.value);
  EXPECT_NEAR(report.after.risk_coverage.risk.back(), report.before.risk_coverage.risk.back(), 1e-12);  // decisions
}

TEST(CalibrationReport, HasEveryNumberInItsJson) {
  const auto json = to_json(quick_report(drawn_predictions(30, 3, 1, 1), Task::kSingleLabel));
  EXPECT_EQ(json["images"], 30);
  EXPECT_EQ(json["task"], "single_label");
  for (const char* side : {"before", "after"}) {
    for (const char* error : {"ece", "ece_mass", "ece_class"}) {
      EXPECT_DOUBLE_EQ(json[side][error]["excess"].get<double>(),
                       json[side][error]["value"].get<double>() - json[side][error]["perfect"].get<double>());
    }
    EXPECT_EQ(json[side]["bins"].size(), 15U);
    EXPECT_TRUE(json[side]["risk_coverage"]["aurc"]["low"].is_number());
  }
}

TEST(CalibrationCharts, ShowBothCurvesAndTheDiagonal) {
  const CalibrationReport report = quick_report(drawn_predictions(200, 3, 2, 1), Task::kSingleLabel);
  const chart::LineChart reliability = reliability_chart(report.before, &report.after);
  ASSERT_EQ(reliability.series.size(), 3U);
  EXPECT_EQ(reliability.series[0].name.find("before (ECE 0."), 0U) << reliability.series[0].name;
  EXPECT_EQ(reliability.series[2].x, (std::vector<double>{0, 1}));
  for (const double x : reliability.series[0].x) EXPECT_TRUE(x > 0 && x <= 1);
  const chart::LineChart risk = risk_coverage_chart(report.before, nullptr);
  ASSERT_EQ(risk.series.size(), 1U);
  EXPECT_EQ(risk.series[0].y, report.before.risk_coverage.risk);
  EXPECT_FALSE(chart::chart_svg({reliability, risk}).empty());
}

}  // namespace
}  // namespace margay::interpret
