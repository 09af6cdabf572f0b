#pragma once

#include <vector>

#include <torch/types.h>
#include <nlohmann/json_fwd.hpp>

#include "margay/data/item.h"
#include "margay/interpret/calibration_quality.h"
#include "margay/interpret/fit_calibration.h"
#include "margay/metric/interval.h"
#include "margay/predict/calibration.h"
#include "margay/predict/predictions.h"

namespace margay::interpret {

/// What a temperature is worth.
struct CalibrationReport {
  data::Task task = data::Task::kSingleLabel;
  predict::Calibration calibration;       ///< fitted to all images
  metric::Interval temperature_interval;  ///< as CalibrationFit
  bool is_contradicted = false;           ///< as CalibrationFit
  std::vector<double> fold_temperatures;
  CalibrationQuality before;  ///< of the logits' own probabilities
  CalibrationQuality after;   ///< each image at the temperature that the other folds say
};

/// Fits and judges; the images that judge a temperature never fit it (cross_fit_calibration). Throws as
/// cross_fit_calibration and calibration_quality.
CalibrationReport calibration_report(const predict::Predictions& predictions, data::Task task,
                                     const torch::Tensor& groups = {}, const CalibrationMeasure& measure = {});

/// {"temperature": …, "temperature_low": …, "temperature_high": …, "contradicted": false, "images": …, "groups": …,
/// "fold_temperatures": […], "before": {…}, "after": {…}}
nlohmann::ordered_json to_json(const CalibrationReport& report);

}  // namespace margay::interpret
