#include "margay/train/probe/fine_tuning_outlook.h"

#include <fmt/format.h>

namespace margay::train {
namespace {

constexpr double kLittleError = 0.02;

/// An error that is not exceeded but in one of forty cases.
double high_error(const metric::ClusteredMean& error) {
  if (error.mean == 0) return 3 / static_cast<double>(error.groups);
  return error.mean + 2 * error.standard_error;
}

std::string share_text(double share) { return fmt::format("{:.1f} %", 100 * share); }

}  // namespace

FineTuningOutlook fine_tuning_outlook(const ProbeScore& left_out, const ErrorsAround& around,
                                      const ProbeDisagreement* disagreement, const LearningCurve* curve) {
  using enum FineTuningGain;
  const metric::ClusteredMean& error = left_out.error;
  if (disagreement != nullptr && disagreement->is_beyond_chance) {
    return {kUnclear, "The training images say something else than the validation set, by which a training is judged."};
  }
  if (high_error(error) >= around.blind) {
    return {kUnclear,
            "The features tell the classes apart no better than a blind guess; look at the labels and the weights."};
  }
  if (high_error(error) < kLittleError) {
    return {kUnlikely, fmt::format("Only {} of the decisions are wrong, so there is little left to gain.",
                                   share_text(error.mean))};
  }
  if (2 * around.training >= error.mean) {
    return {kLikely,
            fmt::format("The classifier errs on {} even of the images it was fitted on, so the features are the "
                        "limit, and training all layers changes them.",
                        share_text(around.training))};
  }
  const std::string fits = fmt::format("The classifier fits its own images ({} wrong)", share_text(around.training));
  if (curve == nullptr || curve->points.size() < 3) {
    return {kUnclear, fits + ", and how the error depends on their number is not known."};
  }
  if (curve->is_falling) {
    return {kUnclear, fits +
                          ", and the error falls as images are added: their number is the limit, in a training of "
                          "all layers, too."};
  }
  return {kLikely, fits +
                       ", but more images do not lower the error: the features are the limit, and training all "
                       "layers changes them."};
}

}  // namespace margay::train
