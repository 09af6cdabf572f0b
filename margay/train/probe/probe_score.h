#pragma once

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/metric/standard_error.h"
#include "margay/predict/predictions.h"

namespace margay::train {

/// The mean over images and how sure it is; standard errors are clustered by group.
/// Single label: the error is the share of images whose largest logit is not the target's. Several labels: the share of
/// the N·K decisions that are wrong at the probability ½ (1 - accuracy_multi). The loss is metric::image_losses, in
/// nats, without class weights.
struct ProbeScore {
  metric::ClusteredMean error;
  metric::ClusteredMean loss;
};

/// groups: int64 [N].
ProbeScore probe_score(const predict::Predictions& predictions, const torch::Tensor& groups, data::Task task);

/// Whether the validation set contradicts the left-out score.
struct ProbeDisagreement {
  /// Validation minus left-out error; positive: the validation set is harder. For a single label the two-proportion z
  /// test with the cases that the groups are worth (Rao and Scott, "A simple method for the analysis of clustered
  /// binary data", Biometrics 1992); for several labels Welch's t of the two clustered means.
  metric::Difference error;
  /// Validation minus left-out loss, by Welch's t. It does not enter `is_beyond_chance`.
  metric::Difference loss;
  /// error.p_value < kLevel.
  bool is_beyond_chance = false;
  /// How often sets that are alike are called different.
  static constexpr double kLevel = 0.01;
};

ProbeDisagreement probe_disagreement(const ProbeScore& left_out, const ProbeScore& valid, data::Task task);

}  // namespace margay::train
