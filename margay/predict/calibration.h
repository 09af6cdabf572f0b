#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <torch/types.h>

#include "margay/core/options.h"

namespace margay::predict {

/// Which images a calibration was fitted to: none; images that the model was not trained on; the training images
/// themselves, each judged by a fit without it (a probe's).
enum class CalibrationSource { kNone, kHeldOut, kLeftOut };

constexpr auto names(CalibrationSource /*tag*/) {
  return std::array{std::pair{CalibrationSource::kNone, "none"}, std::pair{CalibrationSource::kHeldOut, "held_out"},
                    std::pair{CalibrationSource::kLeftOut, "left_out"}};
}

/// What makes probabilities mean what they say: of the images with probability .8 eight of ten are right. All logits
/// are divided by one temperature before softmax or sigmoid (Guo, Pleiss, Sun, Weinberger, "On calibration of modern
/// neural networks", ICML 2017). Dividing by a positive number keeps the order of an image's classes; thresholds of
/// several labels move with it (moved_threshold), so that no decision changes. interpret::fit_calibration fits it, the
/// bundle keeps it, prediction applies it. The default changes nothing.
struct Calibration {
  double temperature = 1;  ///< above 1: the logits' own probabilities are too sure
  CalibrationSource source = CalibrationSource::kNone;
  std::int64_t images = 0;  ///< that it was fitted to
  std::int64_t groups = 0;  ///< of these images; as many as images where each is alone
  std::string data;         ///< where they are from, for people
  /// SHA-256 of the model's file before it was calibrated for the first time: by it kept predictions are known to be of
  /// this model. Empty: not known.
  std::string model_sha256;

  bool is_fitted() const { return source != CalibrationSource::kNone; }

  /// Divides by the temperature. logits: floating [N,K] of any device; at temperature 1 the same tensor.
  torch::Tensor scaled(const torch::Tensor& logits) const;

  /// The threshold for calibrated probabilities that decides as `threshold` does for the logits' own:
  /// sigmoid(logit(threshold) / temperature). 0 … 1 (std::invalid_argument); 0, ½ and 1 stay.
  double moved_threshold(double threshold) const;

  static const core::OptionTable& fields();
};

/// bool [N,K]: which of several labels are predicted, sigmoid(logit) > threshold, by the logits' own probabilities.
/// They are the decisions of every temperature. logits: floating [N,K]; threshold: 0 … 1.
torch::Tensor label_decisions(const torch::Tensor& logits, double threshold);

}  // namespace margay::predict
