#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json_fwd.hpp>

#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/interpret/risk_coverage.h"
#include "margay/metric/bootstrap.h"
#include "margay/metric/interval.h"
#include "margay/predict/predictions.h"

namespace margay::interpret {

/// How calibration is measured.
struct CalibrationMeasure {
  int bins = 15;           ///< of the expected calibration errors, 1 … 1000
  int simulations = 1000;  ///< of perfectly calibrated labels, 1 … 100,000
  metric::BootstrapOptions bootstrap;

  static const core::OptionTable& fields();
};

/// An expected calibration error and what it would be if the probabilities were exactly right: a finite set of images
/// has an error above 0 then, too.
struct CalibrationError {
  metric::Estimate error;
  double perfect = 0;                   ///< its mean under perfect calibration
  metric::Interval perfect_range = {};  ///< where CalibrationQuality::confidence of such errors lie

  double excess() const { return error.value - perfect; }
  /// Whether it is larger than perfect calibration explains.
  bool is_beyond_chance() const { return error.value > perfect_range.high; }
};

/// Cases (images; of several labels decisions) of about one confidence. Cases in (low, high].
struct ReliabilityBin {
  double low = 0;
  double high = 1;
  std::int64_t count = 0;
  double confidence = 0;           ///< mean of the cases; NaN for none
  double accuracy = 0;             ///< share of them that is right (several labels: that has the label); NaN for none
  metric::Interval interval = {};  ///< of accuracy: Wilson's
};

/// How far probabilities are what they say.
///
/// The confidence of an image is its largest probability, and a hit is a right prediction; with several labels each
/// image and label is a case, its confidence the label's probability, and a hit is that the image has it.
struct CalibrationQuality {
  double confidence = .95;  ///< of all intervals
  metric::Estimate nll;     ///< mean of metric::image_losses, nats
  metric::Estimate
      brier;  ///< mean of Σ_k (p_k - y_k)², 0 … 2 (Brier 1950); with several labels the mean over them, 0 … 1
  /// Σ_b n_b / n |mean hit - mean confidence| over bins of equal width (Naeini et al. 2015, Guo et al. 2017).
  CalibrationError ece;
  /// The same over bins of equal numbers of cases (Nixon et al., "Measuring calibration in deep learning", 2019).
  CalibrationError ece_mass;
  /// Mean over the classes of the error of their probability, for all images, with bins of equal width (Kull et al.,
  /// "Beyond temperature scaling", 2019).
  CalibrationError ece_class;
  std::vector<ReliabilityBin> bins;  ///< those of `ece`
  RiskCoverage risk_coverage;
};

/// That of predictions at their own temperature.
///
/// Intervals are the bootstrap's over groups of images. Those of NLL, Brier and AURC are percentiles. Those of
/// calibration errors are the value ± the normal quantile times the deviation of the replicates, from 0 on: percentiles
/// would lie too high, since drawing again adds noise, which only makes such an error larger. They cover what sets of
/// this size have on average; `perfect` tells how much of that is noise. Bins of equal mass stay where they are.
/// Simulated labels are drawn from the probabilities, with one random number for a whole group, as near copies are
/// right or wrong together; there are fewer than asked for where images · simulations exceed 100 million. groups: as
/// for fit_calibration. Throws std::invalid_argument without labels, without images, for shapes that do not fit and for
/// options out of range. Memory beside the logits: 1 kB an image and at
/// most 200 MB for the classes' bins; for several labels 60 bytes a case more.
CalibrationQuality calibration_quality(const predict::Predictions& predictions, data::Task task,
                                       const torch::Tensor& groups = {}, const CalibrationMeasure& measure = {});

/// The same at a temperature for each image: float64 [N], or [1] for all.
CalibrationQuality calibration_quality_at(const torch::Tensor& temperatures, const predict::Predictions& predictions,
                                          data::Task task, const torch::Tensor& groups = {},
                                          const CalibrationMeasure& measure = {});

/// All numbers; those that are not known are null:
///
///     {"confidence": .95, "nll": {"value": .21, "low": .18, "high": .25}, "brier": {…},
///      "ece": {"value": …, "low": …, "high": …, "perfect": …, "perfect_low": …, "perfect_high": …, "excess": …,
///              "beyond_chance": true}, "ece_mass": {…}, "ece_class": {…},
///      "bins": [{"low": 0, "high": .0667, "count": 3, "confidence": .05, "accuracy": 0, "accuracy_low": 0,
///                "accuracy_high": .6}, …],
///      "risk_coverage": {"coverage": […], "risk": […], "aurc": {"value": …, "low": …, "high": …}, "best_aurc": …}}
nlohmann::ordered_json to_json(const CalibrationQuality& quality);

}  // namespace margay::interpret
