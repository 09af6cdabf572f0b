#pragma once

#include <string>

#include <torch/types.h>

#include "margay/model/classifier.h"
#include "margay/model/precision.h"

namespace margay::train {

/// The origin of non-finite numbers: the first of, in this order,
///
/// - "images", if the images themselves are not finite;
/// - the parameter or buffer that is not finite, as "backbone.layer3.0.conv2.weight";
/// - the layer whose result is not, though all before it were, as "backbone.layer3.0.conv2"; what has no parameters is
///   named after the layer before it, as "adaptive_avg_pool2d after backbone.layer3.0.bn2".
///
/// Empty if there is none. Runs the batch once more in the classifier's mode (train or eval) and restores the
/// statistics of batch norms and the random numbers. It is meant for failed trainings, since it waits for the device
/// after every layer. images: float [N,3,H,W], where the classifier is. precision: that of the run that went wrong.
std::string first_non_finite_layer(model::Classifier& classifier, const torch::Tensor& images,
                                   model::Precision precision);

}  // namespace margay::train
