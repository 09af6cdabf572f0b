#pragma once

#include <optional>

#include <torch/types.h>

#include "margay/metric/metric.h"
#include "margay/metric/temperature_kernel.h"

namespace margay::metric {

/// What a temperature is fitted to: outputs for images that they were not fitted to. All on the CPU.
struct TemperatureRows {
  torch::Tensor logits;   ///< floating [N,K], finite
  torch::Tensor targets;  ///< int64 [N], 0 … K-1; floating [N,K], 0 … 1, for sigmoids
  /// float64 [N], not negative: how much each image counts. Undefined: 1.
  torch::Tensor weights = {};
  /// int64 [N], any values: images of one value are not independent of each other. Undefined: each image is alone.
  torch::Tensor groups = {};
  /// How many independent observations the weights' sum stands for. Absent: the number of groups that have weight.
  std::optional<double> observations = {};
};

/// The loss that fit_temperature minimises. Throws as fit_temperature. scale: positive.
TemperatureLoss temperature_loss(const TemperatureRows& rows, Activation activation, double scale);

struct TemperatureFit {
  double scale = 1;  ///< what logits are multiplied by
  /// One standard error of log(temperature): the sandwich estimate (Huber 1967, White 1982), clustered by group.
  /// Infinite where the loss is flat.
  double log_error = 0;
  /// Whether the images contradict the logits, so that the scale is the least that is allowed, kLeastScale.
  bool is_contradicted = false;

  static constexpr double kLeastScale = 1e-3;  ///< keeps the order of the logits, says next to nothing
  double temperature() const { return 1 / scale; }
};

/// The temperature that maximises the likelihood of the targets (Guo et al., "On calibration of modern neural
/// networks", ICML 2017), with one more observation of weight 1 whose class is unknown: of each class with probability
/// 1/K (for sigmoids each label with probability ½), spread over the logits of all images. It is the pseudo-observation
/// of Perks' prior (1947; Laplace's for K = 2 has two), so that the scale stays finite where all images are right, and
/// sharper the more images say so; among thousands of images it is lost.
///
/// Softmax: the loss of an image is log Σ exp(t z) - t z_target. Sigmoids: the mean over the labels of
/// log(1 + exp(t z)) - y t z. Both are convex in the scale t, whose minimum Newton's method within a bracket finds to a
/// relative 1e-9. A scale is never negative: logits that are negatively related to the targets are worth nothing, and
/// turning them round would be a fraud. In double, in parts that do not depend on the number
/// of threads; each step reads the logits once.
///
/// start: the scale where the search begins. Throws std::invalid_argument for shapes that do not fit, for logits that
/// are not finite (naming the row), targets that are no class, and weights that are all 0.
TemperatureFit fit_temperature(const TemperatureRows& rows, Activation activation, double start = 1);

}  // namespace margay::metric
