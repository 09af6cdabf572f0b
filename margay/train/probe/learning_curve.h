#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace margay::train {

/// The error of classifiers fitted on a part of the images.
struct LearningCurvePoint {
  double images = 0;  ///< fitted on, the mean over the draws
  double error = 0;   ///< as ProbeScore's, the mean over the draws
  double standard_error = 0;
  int draws = 1;
};

/// The expected error at twice the images, of the same kind.
struct ErrorForecast {
  double images = 0;
  double error = 0;
  double low = 0;  ///< 95 % interval
  double high = 0;
};

/// The error at an eighth, a quarter, a half and all of the images.
struct LearningCurve {
  std::vector<LearningCurvePoint> points;  ///< by growing number of images; the last is all
  bool is_falling = false;                 ///< beyond noise: one-sided, in one of twenty curves that are flat
  std::optional<ErrorForecast> twice;
  std::string why_no_forecast;  ///< a sentence; empty where there is one
};

}  // namespace margay::train
