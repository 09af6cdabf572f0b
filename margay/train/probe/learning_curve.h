#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/collective/group.h"
#include "margay/train/probe/probe_rows.h"

namespace margay::train {

/// The error of classifiers fitted on a part of the images.
struct LearningCurvePoint {
  double images = 0;  ///< fitted on, the mean over the draws
  double error = 0;   ///< as ProbeScore's, the mean over the draws
  double standard_error = 0;
  int draws = 1;
};

/// The expected error at twice the images, if they are of the same kind.
struct ErrorForecast {
  double images = 0;
  double error = 0;
  double low = 0;  ///< 95 % interval
  double high = 0;
};

/// The error at an eighth, a quarter, a half and all of the images.
struct LearningCurve {
  std::vector<LearningCurvePoint> points;  ///< by growing number of images; the last is all
  bool is_falling = false;                 ///< beyond noise: a curve that is flat seems to fall in one of twenty cases
  std::optional<ErrorForecast> twice;
  std::string why_no_forecast;  ///< a sentence; empty where there is a forecast
};

/// What a learning curve needs of the probe of all images.
struct WholeProbe {
  double feature_norm = 0;
  double strength = 0;            ///< parts are fitted with the best of 1/10 to 10 times this, by left-out loss
  torch::Tensor left_out_errors;  ///< float64 [N], see image_errors
  std::shared_ptr<collective::Group> group = collective::one_process();  ///< RidgeOptions::group
};

/// Points below all images are the mean over several draws of whole groups, stratified by class (ProbeRows::strata); at
/// least one group of each class is drawn, so small classes may make a part larger than its share. Each draw is fitted
/// anew and judged by its left-out outputs and by its outputs for the images it did not get; where there are more than
/// 20,000 images, by so many. Parts of more than 100,000 images, and those that are not smaller than the next, are left
/// out. Standard errors are clustered by group, and include the spread of the draws where there are several.
///
/// The forecast is a power law, error = a · images^-b, a straight line through the logarithms (Hestness et al., "Deep
/// learning scaling is predictable, empirically", arXiv:1712.00409). Its interval covers the 95 % intervals of the
/// power law and of error = a + b / √images (Hoiem et al., "Learning curves for analysis of deep networks", ICML 2021),
/// which levels off; both by the delta method from the points' covariance, which they have since the same images judge
/// all of them. No forecast: fewer than three points, no error at one, or a curve that does not fall beyond noise.
LearningCurve learning_curve(const ProbeRows& rows, const WholeProbe& whole, std::uint64_t seed);

}  // namespace margay::train
