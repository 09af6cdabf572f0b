#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/metric/interval.h"
#include "margay/predict/calibration.h"
#include "margay/predict/predictions.h"

namespace margay::interpret {

/// A fitted temperature and how sure it is.
struct CalibrationFit {
  predict::Calibration calibration;
  /// 95 %, by the sandwich estimate on the logarithm, clustered by group (metric::TemperatureFit); unknown where the
  /// logits say nothing, and for one group.
  metric::Interval temperature_interval;
  /// The images contradict the logits, so that the temperature is the highest that is allowed.
  bool is_contradicted = false;
};

/// Fits one temperature to labelled predictions for images that the model was not trained on, by the likelihood
/// (metric::fit_temperature, which also says what keeps it finite where all images are right). It begins with the
/// logits, whatever temperature the predictions have.
/// groups: int64 [N], images of one value are not independent of each other; undefined: each image is alone.
/// Throws std::invalid_argument without labels, without images and as metric::fit_temperature.
CalibrationFit fit_calibration(const predict::Predictions& predictions, data::Task task,
                               const torch::Tensor& groups = {});

/// One temperature for each image, fitted without it and without its group.
struct CrossFittedTemperatures {
  torch::Tensor of_image;     ///< float64 [N]
  std::vector<double> folds;  ///< the temperatures, one for each fold
};

/// Deals whole groups to num_folds folds (fewer if there are fewer groups; metric::deal_folds); the temperature of a
/// fold's images is fitted to the others. So no image has a part in what it is judged by.
/// Throws as fit_calibration, std::invalid_argument for one group: there is nothing else to fit to.
CrossFittedTemperatures cross_fit_calibration(const predict::Predictions& predictions, data::Task task,
                                              const torch::Tensor& groups = {}, std::int64_t num_folds = 5,
                                              std::uint64_t seed = 42);

}  // namespace margay::interpret
