#include "margay/interpret/fit_calibration.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/metric/folds.h"
#include "margay/metric/temperature.h"

namespace margay::interpret {
namespace {

void check_labelled(const char* function, const predict::Predictions& predictions) {
  const char* problem = nullptr;
  if (!predictions.logits.defined() || predictions.logits.size(0) == 0) problem = "there are no images";
  if (problem == nullptr && !predictions.targets.defined()) problem = "the images have no labels";
  if (problem != nullptr)
    throw std::invalid_argument(fmt::format("[{}] {}, so nothing can be fitted", function, problem));
}

}  // namespace

CalibrationFit fit_calibration(const predict::Predictions& predictions, data::Task task, const torch::Tensor& groups) {
  check_labelled("fit_calibration", predictions);
  const metric::TemperatureFit fit = metric::fit_temperature(
      {.logits = predictions.logits, .targets = predictions.targets, .groups = groups}, predict::activation_of(task));
  const std::int64_t images = predictions.logits.size(0);
  CalibrationFit fitted{
      .calibration = {.temperature = fit.temperature(),
                      .source = predict::CalibrationSource::kHeldOut,
                      .images = images,
                      .groups = metric::numbered_groups(groups, images).max().item<std::int64_t>() + 1},
      .temperature_interval = {},
      .is_contradicted = fit.is_contradicted};
  if (std::isfinite(fit.log_error)) {
    const double factor = std::exp(metric::normal_quantile_two_sided(0.95) * fit.log_error);
    fitted.temperature_interval = {.low = fit.temperature() / factor, .high = fit.temperature() * factor};
  }
  return fitted;
}

CrossFittedTemperatures cross_fit_calibration(const predict::Predictions& predictions, data::Task task,
                                              const torch::Tensor& groups, std::int64_t num_folds, std::uint64_t seed) {
  check_labelled("cross_fit_calibration", predictions);
  const torch::Tensor numbers = metric::numbered_groups(groups, predictions.logits.size(0));
  const std::int64_t count = numbers.max().item<std::int64_t>() + 1;
  if (count < 2 || num_folds < 2) {
    throw std::invalid_argument(
        "[cross_fit_calibration] one image (or one group of them) cannot both fit a temperature and judge it; give "
        "more images");
  }
  const torch::Tensor folds = metric::deal_folds(numbers, count, num_folds, seed);
  CrossFittedTemperatures fitted{.of_image = torch::ones({folds.size(0)}, torch::kDouble)};
  metric::TemperatureRows rows{.logits = predictions.logits, .targets = predictions.targets, .groups = numbers};
  double start = 1;
  for (std::int64_t fold = 0; fold < folds.max().item<std::int64_t>() + 1; ++fold) {
    const torch::Tensor is_own = folds == fold;
    rows.weights = is_own.logical_not().to(torch::kDouble);
    const metric::TemperatureFit fit = metric::fit_temperature(rows, predict::activation_of(task), start);
    start = fit.scale;  // the others' are near
    fitted.of_image.masked_fill_(is_own, fit.temperature());
    fitted.folds.push_back(fit.temperature());
  }
  return fitted;
}

}  // namespace margay::interpret
