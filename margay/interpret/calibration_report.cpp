#include "margay/interpret/calibration_report.h"
#include "margay/core/json_values.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace margay::interpret {

CalibrationReport calibration_report(const predict::Predictions& predictions, data::Task task,
                                     const torch::Tensor& groups, const CalibrationMeasure& measure) {
  constexpr std::int64_t kFolds = 5;
  const CrossFittedTemperatures crossed =
      cross_fit_calibration(predictions, task, groups, kFolds, measure.bootstrap.seed);
  CalibrationFit fit = fit_calibration(predictions, task, groups);
  const torch::Tensor raw = torch::ones({1}, torch::kDouble);
  return {.task = task,
          .calibration = std::move(fit.calibration),
          .temperature_interval = fit.temperature_interval,
          .is_contradicted = fit.is_contradicted,
          .fold_temperatures = crossed.folds,
          .before = calibration_quality_at(raw, predictions, task, groups, measure),
          .after = calibration_quality_at(crossed.of_image, predictions, task, groups, measure)};
}

nlohmann::ordered_json to_json(const CalibrationReport& report) {
  return {{"task", core::to_text(report.task)},
          {"temperature", report.calibration.temperature},
          {"temperature_low", core::finite_or_null(report.temperature_interval.low)},
          {"temperature_high", core::finite_or_null(report.temperature_interval.high)},
          {"contradicted", report.is_contradicted},
          {"images", report.calibration.images},
          {"groups", report.calibration.groups},
          {"fold_temperatures", report.fold_temperatures},
          {"before", to_json(report.before)},
          {"after", to_json(report.after)}};
}

}  // namespace margay::interpret
